# SPG: side heads learn masks from the classifier's attention
_base_ = ['cam_r50_1xb32-10e_imagenet.py']
model = dict(
    backbone=dict(out_indices=(1, 2, 3)),
    cam_head=dict(
        _delete_=True, type='SPGHead', num_classes=1000, in_channels=(512, 1024, 2048)))
