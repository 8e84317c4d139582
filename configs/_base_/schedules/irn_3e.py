# IRN, boundaries and displacements: batch 32, 3 epochs (VOC12 train_aug: T = 990 steps), nothing to validate on. The
# displacement branch learns 10 times as fast. Momentum 1e-4 instead of 0.9: see affinitynet_cls_15e.py.
# As intended: optim_wrapper = dict(optimizer=dict(lr=0.01, momentum=0.9))
max_epochs = 3
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='CaffeOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.1, momentum=1e-4, weight_decay=1e-4),
    paramwise_cfg=dict(bias_lr_mult=1.0, bias_decay_mult=1.0, custom_keys={'head.fc_dp': dict(lr_mult=10.0)}))
param_scheduler = [
    dict(type='HeldPolyLR', power=0.9, begin=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True)
]
