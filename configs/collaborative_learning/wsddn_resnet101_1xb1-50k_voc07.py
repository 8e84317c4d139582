# Stage 1 on ResNet-101. Ours: the public code's ResNet configs do not run
_base_ = [
    '../_base_/models/collaborative_wsddn_resnet50.py', '../_base_/datasets/voc07_collaborative.py',
    '../_base_/schedules/collaborative_wsddn_50k.py', '../_base_/default_runtime.py'
]
model = dict(backbone=dict(depth=101), roi_head=dict(shared_head=dict(depth=101)))
optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=1.0))
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
val_evaluator = [dict(type='WeakVOCMetric')]
test_evaluator = val_evaluator
# made by: python tools/convert_weights.py resnet-caffe resnet101-caffe.pth weights/resnet101_caffe.pth
load_from = 'weights/resnet101_caffe.pth'
