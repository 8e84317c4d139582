# AffinityNet on the small body of our classifier: its last three maps, all of stride 8. The body is trained along;
# frozen_stages=5 leaves it as it is.
model = dict(
    type='AffinityNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        rgb_to_bgr=True,  # the classifier was trained on BGR, LoadRGBImage gives RGB
        pad_size_divisor=8),
    backbone=dict(type='MiniCNN', out_indices=(2, 3, 4), frozen_stages=1, norm_eval=True),
    head=dict(
        type='AffinityHead',
        in_channels=(64, 96, 128),
        out_channels=(16, 32, 64),
        norm_groups=(4, 8, 16),
        radius=5),
    border='full')
