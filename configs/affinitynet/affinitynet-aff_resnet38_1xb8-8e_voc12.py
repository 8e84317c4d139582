# AffinityNet, step 3, on ResNet38. It begins from ImageNet, not from the classifier of step 1. lr: see step 1.
_base_ = [
    '../_base_/models/affinitynet_resnet38.py', '../_base_/datasets/voc12_weakseg_aff.py',
    '../_base_/schedules/affinitynet_aff_8e.py', '../_base_/default_runtime.py'
]
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='LoadSoftLabels', folder='work_dirs/affinitynet_resnet38_voc12/crf_labels/maps'),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1),
    dict(type='ContainerCrop', crop_size=448, fill=0),
    dict(type='RandomMirror', prob=0.5),
    dict(type='SoftLabelsToMap', stride=8),
    dict(type='PackSegInputs')
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=0.01))
# made by: python tools/convert_weights.py resnet38-mxnet ilsvrc-cls_rna-a1_cls1000_ep-0001.params weights/resnet38.pth
load_from = 'weights/resnet38.pth'
