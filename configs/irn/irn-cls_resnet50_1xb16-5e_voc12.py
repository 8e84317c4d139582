# IRN, step 1: image classifier on ResNet-50
_base_ = [
    '../_base_/models/irn_cls_resnet50.py', '../_base_/datasets/voc12_weakseg_cls_resnet50.py',
    '../_base_/schedules/irn_cls_5e.py', '../_base_/default_runtime.py'
]
# made by: python tools/convert_weights.py resnet-torchvision resnet50-19c8e357.pth weights/resnet50.pth \
#     --layer4 backbone
load_from = 'weights/resnet50.pth'
