# Collaborative Learning on VOC12; schedule and loss of VOC07
_base_ = [
    '../_base_/models/collaborative_vgg16.py', '../_base_/datasets/voc12_collaborative.py',
    '../_base_/schedules/collaborative_200k.py', '../_base_/default_runtime.py'
]
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
load_from = 'work_dirs/wsddn_vgg16-s16_1xb1-50k_voc12/iter_50000.pth'  # stage 1
