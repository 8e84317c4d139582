# Collaborative Learning on ResNet-50: layers 1 to 3 are the body, layer4 (stride 1) is what both branches share after
# the pooling. Ours: the public code's ResNet configs do not run, and nobody published numbers.
_base_ = ['collaborative_vgg16.py']
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2, ),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='caffe'),
    rpn_head=dict(in_channels=1024),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=1024),
        shared_head=dict(_delete_=True, type='SharedRes5Head', depth=50),
        weak_head=dict(in_channels=2048),
        bbox_head=dict(in_channels=2048)))
