# CAM as a weak detector: boxes of all classes above .5, mAP and CorLoc beside WSDDN's. CorLoc belongs to trainval:
# tools/test.py ... --cfg-options test_dataloader.dataset.ann_file=VOC2007/ImageSets/Main/trainval.txt
_base_ = ['../_base_/models/cam_r50.py', '../_base_/default_runtime.py']
model = dict(
    cam_head=dict(num_classes=20, loss='bce'),
    test_cfg=dict(
        cam_class='all_above:0.5', cam_size='original', box_preset='cvpr16', top1_instances=True))
train_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ClassifierResize', size=(512, 512)),
    dict(type='RandomCrop', crop_size=(448, 448)),
    dict(type='InclusiveRandomFlip', prob=0.5),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadRGBImage'),
    dict(type='ClassifierResize', size=(448, 448)),
    dict(type='PackWeakInputs')
]
dataset = dict(
    type='WeakVOCDataset',
    data_root='data/VOCdevkit/',
    ann_file='VOC2007/ImageSets/Main/trainval.txt',
    data_prefix=dict(sub_data_root='VOC2007/'))
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(keep_background=False, pipeline=train_pipeline, **dataset))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, ann_file='VOC2007/ImageSets/Main/test.txt', test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [dict(type='WeakVOCMetric'), dict(type='MultiLabelMetric')]
test_evaluator = val_evaluator

max_epochs = 10
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'cam_head': dict(lr_mult=10)}))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
# made by: python tools/convert_weights.py resnet-torchvision resnet50-19c8e357.pth weights/resnet50.pth \
#     --layer4 backbone
load_from = 'weights/resnet50.pth'
