# wsolevaluation on CUB. The rate is that of a user's try (issue 35), which did not reach the paper's numbers.
max_epochs = 50
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.0002, momentum=0.9, nesterov=True, weight_decay=0.0001),
    # the classifier learns ten times as fast: layer4 of a ResNet, everything after conv5 of VGG16
    paramwise_cfg=dict(custom_keys={'backbone.layer4': dict(lr_mult=10), 'cam_head': dict(lr_mult=10)}))
param_scheduler = [dict(type='StepLR', step_size=15, gamma=0.1, by_epoch=True)]
