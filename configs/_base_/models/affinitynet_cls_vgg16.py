# AffinityNet, step 1: image classifier on VGG16-LargeFOV, whose class activation maps are the square roots of its
# scores
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[104.008, 116.669, 122.675],  # BGR, caffe weights
        std=[1.0, 1.0, 1.0],
        rgb_to_bgr=True,  # LoadRGBImage gives RGB
        pad_size_divisor=1),
    backbone=dict(type='VGG16LargeFOV', fc6_dilation=1, out_indices=(2,), frozen_stages=2, dropout=0.5),
    head=dict(
        type='GAPClsHead',
        num_classes=20,
        in_channels=1024,
        feature='conv_gap',
        dropout=0.5,
        bias=False,
        cam_activation='sqrt_relu',
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform')))
