# wsolevaluation on ImageNet and OpenImages; rate and decay are those of its README's example (OpenImages, VGG16, CAM)
max_epochs = 10
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.00227913316, momentum=0.9, nesterov=True, weight_decay=0.0005),
    # the classifier learns ten times as fast: layer4 of a ResNet, everything after conv5 of VGG16
    paramwise_cfg=dict(custom_keys={'backbone.layer4': dict(lr_mult=10), 'cam_head': dict(lr_mult=10)}))
param_scheduler = [dict(type='StepLR', step_size=3, gamma=0.1, by_epoch=True)]
