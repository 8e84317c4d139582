# AffinityNet on MiniVOC: a step of weakseg_minicnn_minivoc.py. load_from: the classifier (the public code begins from
# ImageNet, which we have not). Minutes on one core.
_base_ = [
    '../_base_/models/affinitynet_minicnn.py', '../_base_/datasets/minivoc_weakseg_aff.py',
    '../_base_/schedules/affinitynet_mini_8e.py', '../_base_/default_runtime.py'
]
# the same weights on a grid of stride 4: dilation instead of the third stride. 40 x 40 cells, the paper has 47 x 63
model = dict(
    data_preprocessor=dict(pad_size_divisor=4),
    backbone=dict(strides=(2, 2, 1, 1, 1), dilations=(1, 1, 1, 2, 2)))
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
