# AffinityNet, step 3, on ResNet38
model = dict(
    type='AffinityNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],  # RGB
        std=[58.395, 57.12, 57.375],
        pad_size_divisor=8),
    backbone=dict(type='ResNet38', out_indices=(0, 1, 2), frozen_stages=2, norm_frozen=True),
    head=dict(
        type='AffinityHead',
        in_channels=(512, 1024, 4096),
        out_channels=(64, 128, 256),
        norm_groups=None,
        radius=5),
    border='full')  # 'reference': pairs that the public code leaves out are left out here too
