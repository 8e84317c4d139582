# The blog's network: ResNet-18, global average pooling, one linear layer (1539 weights for 3 classes). Any input size
# works: 224 pixels give a map of 7 x 7, 448 one of 14 x 14.
model = dict(
    type='CAMLocalizer',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=1),
    backbone=dict(type='ResNet', depth=18, out_indices=(3,), norm_eval=False, style='pytorch'),
    cam_head=dict(type='CAMHead', num_classes=3, in_channels=512),
    test_cfg=dict(cam_class='pred', box_preset='default'))
