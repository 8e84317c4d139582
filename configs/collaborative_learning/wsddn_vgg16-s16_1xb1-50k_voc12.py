# Stage 1 on VOC12: WSDDN, the weak branch that stage 2 (collaborative_*) starts from
_base_ = [
    '../_base_/models/collaborative_wsddn_vgg16.py', '../_base_/datasets/voc12_collaborative.py',
    '../_base_/schedules/collaborative_wsddn_50k.py', '../_base_/default_runtime.py'
]
# iterations, not epochs
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
val_evaluator = [dict(type='WeakVOCMetric')]
test_evaluator = val_evaluator
# made by: python tools/convert_weights.py vgg16-caffe vgg16-00b39a1b.pth weights/vgg16_caffe.pth
load_from = 'weights/vgg16_caffe.pth'
