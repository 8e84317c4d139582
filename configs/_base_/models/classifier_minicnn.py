# Multi-label image classifier on a small body: the pre-training rung where no ImageNet weights can be had
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        bgr_to_rgb=False,
        pad_size_divisor=8),
    backbone=dict(type='MiniCNN', frozen_stages=-1),
    head=dict(type='GAPClsHead', num_classes=6, in_channels=128, feature='conv_gap', loss='bce'))
