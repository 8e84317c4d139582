# ContextLocNet (contrastive-S) on VOC12
_base_ = [
    '../_base_/models/contextlocnet_vgg16.py', '../_base_/datasets/voc12_weak.py',
    '../_base_/schedules/contextlocnet_30e.py', '../_base_/tta/ten_view.py', '../_base_/default_runtime.py'
]
# made by: python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth weights/vgg16_caffe.pth
load_from = 'weights/vgg16_caffe.pth'
