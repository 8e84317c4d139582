# IRN's boundaries and displacements on ResNet-50, which stays as ImageNet made it (not the classifier of step 1)
_base_ = [
    '../_base_/models/irn_resnet50.py', '../_base_/datasets/voc12_weakseg_irn.py',
    '../_base_/schedules/irn_3e.py', '../_base_/default_runtime.py'
]
# made by: python tools/convert_weights.py resnet-torchvision resnet50-19c8e357.pth weights/resnet50.pth \
#     --layer4 backbone
load_from = 'weights/resnet50.pth'
