# A cycle of MI-AOD as in the public code: stages 3, 1, 1, 3, 1, 1, 3 epochs of two passes each; the learning rate drops
# for the last of the 13. Weight decay 5e-4 is what that code uses, whatever its config says.
train_cfg = dict(type='MIAODTrainLoop', epoch=2, epoch_ratio=[3, 1], order='min_max')
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[12], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(enable=False, base_batch_size=2)
