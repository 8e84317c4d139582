# PCL on VOC12: the step at 60k is the caffe code's, the end at 70k ours
_base_ = [
    '../_base_/models/pcl_vgg16.py', '../_base_/datasets/voc12_weak.py', '../_base_/schedules/pcl_50k.py',
    '../_base_/tta/ten_view.py', '../_base_/default_runtime.py'
]
param_scheduler = [dict(type='MultiStepLR', milestones=[120000], gamma=0.1, by_epoch=False)]
train_cfg = dict(max_iters=140000)
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
# made by: python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth weights/vgg16_caffe.pth
load_from = 'weights/vgg16_caffe.pth'
