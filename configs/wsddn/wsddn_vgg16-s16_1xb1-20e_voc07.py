# WSDDN as in its paper, on VGG16
_base_ = [
    '../_base_/models/wsddn_vgg16.py', '../_base_/datasets/voc07_weak.py', '../_base_/schedules/wsddn_20e.py',
    '../_base_/tta/ten_view.py', '../_base_/default_runtime.py'
]
model = dict(
    backbone=dict(stride=16),
    roi_head=dict(
        bbox_roi_extractor=dict(featmap_strides=[16]),
        loss_mil=dict(reduction='sum')))
# made by: python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth weights/vgg16_caffe.pth
load_from = 'weights/vgg16_caffe.pth'
