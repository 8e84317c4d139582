# CAM on ImageNet
_base_ = [
    '../_base_/models/cam_r50.py', '../_base_/datasets/wsol_imagenet.py', '../_base_/schedules/wsol_10e.py',
    '../_base_/default_runtime.py'
]
model = dict(cam_head=dict(num_classes=1000))
# made by: python tools/convert_weights.py resnet-torchvision resnet50-19c8e357.pth weights/resnet50.pth \
#     --layer4 backbone
load_from = 'weights/resnet50.pth'
