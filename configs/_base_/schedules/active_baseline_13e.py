# A cycle of a baseline of active learning: 26 passes through the labeled images (13 epochs of two), a drop after 20
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=13, val_interval=13)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[10], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(enable=False, base_batch_size=2)
