# SPG: side heads learn masks from the classifier's attention
_base_ = ['cam_r50_1xb32-50e_cub.py']
model = dict(
    backbone=dict(out_indices=(1, 2, 3)),
    cam_head=dict(
        _delete_=True, type='SPGHead', num_classes=200, in_channels=(512, 1024, 2048)))
