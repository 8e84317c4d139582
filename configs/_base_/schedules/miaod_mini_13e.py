# MI-AOD's stages with a learning rate for the small body, whose head begins from nothing
_base_ = ['miaod_13e.py']
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=10))
