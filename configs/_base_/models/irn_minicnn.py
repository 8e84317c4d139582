# IRN on the small body of our classifier: its maps of stride 4, 8, 8 and 8, so that boundaries have stride 4. The body
# is trained along, unlike the paper's: its early maps are poorer than those of ResNet-50. frozen_stages=5 leaves it.
model = dict(
    type='IRNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        rgb_to_bgr=True,  # the classifier was trained on BGR, LoadRGBImage gives RGB
        pad_size_divisor=1),  # the model pads images itself
    backbone=dict(type='MiniCNN', out_indices=(1, 2, 3, 4), frozen_stages=1, norm_eval=True),
    head=dict(
        type='IRNHead',
        in_channels=(48, 64, 96, 128),
        strides=(4, 8, 8, 8),
        edge_channels=16,
        edge_groups=4,
        disp_channels=(32, 64, 64, 64),
        disp_groups=(4, 8, 8, 8),
        fuse_channels=64,
        fuse_groups=8,
        radius=10,
        ignore_from=255),
    crop_size=160,
    size_divisor=8)
