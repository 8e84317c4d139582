# ACoL: a second classifier sees what the first one did not look at
_base_ = ['cam_minicnn_1xb16-30e_animals6.py']
model = dict(
    cam_head=dict(
        _delete_=True, type='ACoLHead', num_classes=6, in_channels=128, mid_channels=128, threshold=0.7,
        init_cfg=dict(type='Kaiming', layer='Conv2d')))
