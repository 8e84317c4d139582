# ADL: the most telling cells are dropped in training
_base_ = ['cam_r50_1xb32-10e_imagenet.py']
model = dict(
    backbone=dict(
        _delete_=True,
        type='ADLBackbone',
        after=['layer3.0', 'layer4.0', 'layer4.2'],
        drop_rate=0.75,
        threshold=0.9,
        backbone=dict(
            type='ResNet', depth=50, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 1), out_indices=(3,), norm_eval=False,
            style='pytorch')))
