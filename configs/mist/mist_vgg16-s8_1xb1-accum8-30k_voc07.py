# MIST, without Concrete DropBlock
_base_ = [
    '../_base_/models/mist_vgg16.py', '../_base_/datasets/voc07_weak.py', '../_base_/schedules/mist_30k.py',
    '../_base_/tta/ten_view.py', '../_base_/default_runtime.py'
]
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
# made by: python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth weights/vgg16_caffe.pth
load_from = 'weights/vgg16_caffe.pth'
