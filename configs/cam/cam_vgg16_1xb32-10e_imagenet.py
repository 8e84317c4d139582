# CAM on ImageNet
_base_ = [
    '../_base_/models/cam_vgg16.py', '../_base_/datasets/wsol_imagenet.py', '../_base_/schedules/wsol_10e.py',
    '../_base_/default_runtime.py'
]
model = dict(cam_head=dict(num_classes=1000))
# made by: python tools/convert_weights.py vgg16-torchvision vgg16-397923af.pth weights/vgg16_rgb.pth
load_from = 'weights/vgg16_rgb.pth'
