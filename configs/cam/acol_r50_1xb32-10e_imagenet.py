# ACoL: a second classifier sees what the first one did not look at
_base_ = ['cam_r50_1xb32-10e_imagenet.py']
model = dict(
    cam_head=dict(
        _delete_=True, type='ACoLHead', num_classes=1000, in_channels=2048, threshold=0.7))
