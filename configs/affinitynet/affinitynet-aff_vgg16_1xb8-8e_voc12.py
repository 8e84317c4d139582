# AffinityNet, step 3, on VGG16-LargeFOV. It begins from ImageNet, not from the classifier of step 1.
_base_ = [
    '../_base_/models/affinitynet_vgg16.py', '../_base_/datasets/voc12_weakseg_aff.py',
    '../_base_/schedules/affinitynet_aff_8e.py', '../_base_/default_runtime.py'
]
# made by: python tools/convert_weights.py vgg16-20m vgg16_20M.caffemodel weights/vgg16_20m.pth
load_from = 'weights/vgg16_20m.pth'
