# A cycle of a baseline on the small body
_base_ = ['active_baseline_13e.py']
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=10))
