# AffinityNet, step 1: image classifier on ResNet38. The README of the public code has lr=0.1 for both networks; users
# got its numbers with 0.01 (issues 9, 13, 18).
_base_ = [
    '../_base_/models/affinitynet_cls_resnet38.py', '../_base_/datasets/voc12_weakseg_cls_resnet38.py',
    '../_base_/schedules/affinitynet_cls_15e.py', '../_base_/default_runtime.py'
]
optim_wrapper = dict(optimizer=dict(lr=0.01))
# made by: python tools/convert_weights.py resnet38-mxnet ilsvrc-cls_rna-a1_cls1000_ep-0001.params weights/resnet38.pth
load_from = 'weights/resnet38.pth'
