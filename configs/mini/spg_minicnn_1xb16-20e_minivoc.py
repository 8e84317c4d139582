# SPG: side heads learn masks from the classifier's attention
_base_ = ['cam_minicnn_1xb16-20e_minivoc.py']
model = dict(
    backbone=dict(out_indices=(2, 3, 4)),
    cam_head=dict(
        _delete_=True, type='SPGHead', num_classes=6, in_channels=(64, 96, 128), mid_channels=128,
        mask_size=(152, 152), init_cfg=dict(type='Kaiming', layer='Conv2d')))
