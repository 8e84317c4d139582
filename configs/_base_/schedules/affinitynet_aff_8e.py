# AffinityNet, step 3: batch 8, 8 epochs (VOC12 train_aug: T = 10576 steps), nothing to validate on. The group norms
# (VGG16) count as pre-trained. Momentum: see affinitynet_cls_15e.py.
# As intended: optim_wrapper = dict(optimizer=dict(lr=0.01, momentum=0.9))
max_epochs = 8
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='CaffeOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.1, momentum=5e-4, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'head.f8_': dict(lr_mult=10.0), 'head.f9': dict(lr_mult=10.0)}))
param_scheduler = [
    dict(type='HeldPolyLR', power=0.9, begin=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True)
]
