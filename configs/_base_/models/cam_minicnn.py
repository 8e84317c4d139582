# CAM on a small body that is trained from nothing: 152 pixels give a map of 19 x 19
model = dict(
    type='CAMLocalizer',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        bgr_to_rgb=False,
        pad_size_divisor=8),
    backbone=dict(type='MiniCNN', frozen_stages=-1),
    cam_head=dict(type='CAMHead', num_classes=6, in_channels=128),
    # maps of the known class at the size of the input, as the metrics want them
    test_cfg=dict(cam_class='gt', cam_size='input', box_preset='wsol_v2'))
