# The schedule of mini_family_3e.py for the photographs: 850 steps of four images
_base_ = ['mini_family_3e.py']
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='MultiStepLR', milestones=[640], gamma=0.1, by_epoch=False),
]
