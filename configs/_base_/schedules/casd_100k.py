# CASD: 100k steps of one image (four views), no accumulation, lr / 10 after 50k
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='CaffeOptimWrapperConstructor',  # biases: lr x2, no decay
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'refine_heads': dict(lr_mult=10.0)}))
param_scheduler = [dict(type='MultiStepLR', milestones=[50000], gamma=0.1, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100000, val_interval=20000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
