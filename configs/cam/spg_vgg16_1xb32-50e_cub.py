# SPG: side heads learn masks from the classifier's attention
_base_ = ['cam_vgg16_1xb32-50e_cub.py']
model = dict(
    backbone=dict(out_blocks=(3, 4, 5)),
    cam_head=dict(
        _delete_=True, type='SPGHead', num_classes=200, in_channels=(512, 512, 512), in_indices=(-2, -1, -1),
        mid_channels=512))
