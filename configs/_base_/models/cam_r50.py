# wsolevaluation's ResNet-50: no stride in layer4, so that 224 pixels give a map of 14 x 14 (for 28 x 28: strides
# (1, 2, 1, 1))
model = dict(
    type='CAMLocalizer',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=1),
    backbone=dict(
        type='ResNet', depth=50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 1), out_indices=(3,), norm_eval=False,
        style='pytorch'),
    cam_head=dict(type='CAMHead', num_classes=200, in_channels=2048),
    # maps of the known class at the size of the input, as the metrics want them
    test_cfg=dict(cam_class='gt', cam_size='input', box_preset='wsol_v2'))
