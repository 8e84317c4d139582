# Collaborative Learning on ResNet-50. Ours: the public code's ResNet configs do not run
_base_ = [
    '../_base_/models/collaborative_resnet50.py', '../_base_/datasets/voc07_collaborative.py',
    '../_base_/schedules/collaborative_200k.py', '../_base_/default_runtime.py'
]
optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=1.0))
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
load_from = 'work_dirs/wsddn_resnet50_1xb1-50k_voc07/iter_50000.pth'  # stage 1
