# wsolevaluation's VGG16: no pool5, so that 224 pixels give a map of 14 x 14, and conv6 with 1024 channels
model = dict(
    type='CAMLocalizer',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=1),
    backbone=dict(type='VGG16', stride=16, frozen_stages=0),
    cam_head=dict(type='CAMHead', num_classes=200, in_channels=512, conv_channels=1024),
    # maps of the known class at the size of the input, as the metrics want them
    test_cfg=dict(cam_class='gt', cam_size='input', box_preset='wsol_v2'))
