# AffinityNet, step 1: batch 16, 15 epochs (VOC12 train_aug: T = 9915 steps), lr_t = lr (1 - t / T)^0.9.
# New layers learn 10 times as fast; biases twice as fast and without decay.
# The public code means momentum=0.9, but hands its weight decay to SGD's momentum; its learning rates were tuned so.
# As intended: optim_wrapper = dict(optimizer=dict(lr=0.01, momentum=0.9))
max_epochs = 15
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='CaffeOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.1, momentum=5e-4, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'head.fc': dict(lr_mult=10.0)}))
# T is all steps of the training, however many images there are
param_scheduler = [
    dict(type='HeldPolyLR', power=0.9, begin=0, end=max_epochs, by_epoch=True, convert_to_iter_based=True)
]
