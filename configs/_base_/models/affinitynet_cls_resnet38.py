# AffinityNet, step 1: image classifier on ResNet38; all batch norms stay as they are in the file of weights
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=1),
    backbone=dict(type='ResNet38', out_indices=(2,), frozen_stages=2, norm_frozen=True),
    head=dict(
        type='GAPClsHead',
        num_classes=20,
        in_channels=4096,
        feature='conv_gap',
        dropout=0.5,
        bias=False,
        cam_activation='relu',
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform')))
