# ADL: the most telling cells are dropped in training
_base_ = ['cam_vgg16_1xb32-10e_imagenet.py']
model = dict(
    backbone=dict(
        _delete_=True,
        type='ADLBackbone',
        after=['features.16', 'features.22', 'features.29'],  # pool3, conv4_3 and conv5_3 with their ReLUs
        drop_rate=0.75,
        threshold=0.9,
        backbone=dict(type='VGG16', stride=16, frozen_stages=0)))
