# AffinityNet, step 3, on VGG16-LargeFOV: fc6 is dilated by 4 here, and the head has group norms
model = dict(
    type='AffinityNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[104.008, 116.669, 122.675],  # BGR, caffe weights
        std=[1.0, 1.0, 1.0],
        rgb_to_bgr=True,  # LoadRGBImage gives RGB
        pad_size_divisor=8),
    backbone=dict(type='VGG16LargeFOV', fc6_dilation=4, out_indices=(0, 1, 2), frozen_stages=2, dropout=0.5),
    head=dict(
        type='AffinityHead',
        in_channels=(512, 512, 1024),
        out_channels=(64, 128, 256),
        norm_groups=(8, 16, 32),
        radius=5),
    border='full')  # 'reference': pairs that the public code leaves out are left out here too
