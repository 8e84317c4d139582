# OICR (caffe): 70k solver steps of two images whose gradients are summed (iter_size 2), lr / 10 after 40k.
# MMEngine counts every image as an iteration, hence the doubled numbers.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='CaffeOptimWrapperConstructor',  # biases: lr x2, no decay
    accumulative_counts=2,
    accumulation='sum',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'refine_heads': dict(lr_mult=10.0)}))
param_scheduler = [dict(type='MultiStepLR', milestones=[80000], gamma=0.1, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=140000, val_interval=20000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
