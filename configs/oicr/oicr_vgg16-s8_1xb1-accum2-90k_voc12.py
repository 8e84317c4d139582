# OICR on VOC12. The step at 60k is PCL's for VOC12 (caffe); the end at 90k is our choice
_base_ = [
    '../_base_/models/oicr_vgg16.py', '../_base_/datasets/voc12_weak.py', '../_base_/schedules/oicr_70k.py',
    '../_base_/tta/ten_view.py', '../_base_/default_runtime.py'
]
param_scheduler = [dict(type='MultiStepLR', milestones=[120000], gamma=0.1, by_epoch=False)]
train_cfg = dict(max_iters=180000)
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
# made by: python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth weights/vgg16_caffe.pth
load_from = 'weights/vgg16_caffe.pth'
