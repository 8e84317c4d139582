# Stage 1 on ResNet-50. Ours, as collaborative_resnet50.py
_base_ = ['collaborative_wsddn_vgg16.py']
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
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=1024),
        shared_head=dict(_delete_=True, type='SharedRes5Head', depth=50),
        bbox_head=dict(in_channels=2048)))
