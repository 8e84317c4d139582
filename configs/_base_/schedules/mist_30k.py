# MIST (wetectron): 30k steps of eight images, lr / 10 after 20k and 26.7k. With one image per iteration and eight
# accumulated, hence the numbers times eight.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='CaffeOptimWrapperConstructor',
    accumulative_counts=8,
    accumulation='mean',
    optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[160000, 213600], gamma=0.1, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=240000, val_interval=40000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
