# OICR as the public PyTorch code of PCL trains it: ignore trick, first branch x3, no dropout, warm-up
_base_ = ['oicr_vgg16-s8_1xb1-accum2-70k_voc07.py']
model = dict(
    roi_head=dict(
        shared_head=dict(dropout=0.0),
        loss_refine=dict(ignore_iou=0.1, first_branch_weight=3.0)))
optim_wrapper = dict(
    accumulative_counts=4,
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys={'refine_heads': dict(lr_mult=1.0)}))
# 35k solver steps of four images
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / 3, begin=0, end=2000, by_epoch=False),
    dict(type='MultiStepLR', milestones=[100000], gamma=0.1, by_epoch=False),
]
train_cfg = dict(max_iters=140000)
