# AffinityNet, step 1: image classifier on VGG16-LargeFOV
_base_ = [
    '../_base_/models/affinitynet_cls_vgg16.py', '../_base_/datasets/voc12_weakseg_cls_vgg16.py',
    '../_base_/schedules/affinitynet_cls_15e.py', '../_base_/default_runtime.py'
]
# made by: python tools/convert_weights.py vgg16-20m vgg16_20M.caffemodel weights/vgg16_20m.pth
load_from = 'weights/vgg16_20m.pth'
