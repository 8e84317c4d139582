# ACoL: a second classifier sees what the first one did not look at
_base_ = ['cam_vgg16_1xb32-10e_openimages.py']
model = dict(
    cam_head=dict(
        _delete_=True, type='ACoLHead', num_classes=100, in_channels=512, threshold=0.7, avg_pool=True))
