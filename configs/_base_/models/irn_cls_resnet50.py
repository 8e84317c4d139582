# IRN, step 1: image classifier on ResNet-50 with stride 16. Batch norms keep their statistics; scale and shift of the
# last two layers are trained.
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=1),
    backbone=dict(
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 1),
        out_indices=(3,),
        style='pytorch',
        frozen_stages=2,
        norm_eval=True),
    head=dict(
        type='GAPClsHead',
        num_classes=20,
        in_channels=2048,
        feature='conv_gap',
        bias=False,
        cam_activation='relu',
        # as PyTorch initialises a convolution
        init_cfg=dict(
            type='Kaiming', layer='Conv2d', a=5**0.5, mode='fan_in', nonlinearity='leaky_relu',
            distribution='uniform')))
