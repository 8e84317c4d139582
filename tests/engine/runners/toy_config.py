# A cycle of MI-AOD takes a second: four epochs of two iterations on images of 64 x 48
_base_ = '../../../configs/_base_/active_runtime.py'
custom_imports = dict(imports=['wsod_mm', 'tests.engine.runners.experiment'], allow_failed_imports=False)

data_root = 'TO BE SET'
metainfo = dict(classes=('cat', 'dog'))
pool = dict(
    type='VOCPool',
    data_root=data_root,
    lists=['VOC2007/ImageSets/Main/trainval.txt', 'VOC2012/ImageSets/Main/trainval.txt'],
    metainfo=metainfo,
)
meta_keys = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'labeled',
    'pool_id',
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(64, 48), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
score_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 48), keep_ratio=True),
    dict(type='PackDetInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 48), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(type='PoolSubset', subset='labeled', pool=pool, pipeline=train_pipeline),
)
unlabeled_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(type='PoolSubset', subset='unlabeled', pool=pool, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VOCDataset',
        data_root=data_root,
        metainfo=metainfo,
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='VOCMetric', metric='mAP', eval_mode='11points')
val_cfg = dict(type='ValLoop')

model = dict(
    type='MIAODDetector',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[127.0] * 3, std=[64.0] * 3, pad_size_divisor=16),
    backbone=dict(type='ToyBody'),
    bbox_head=dict(
        type='ToyMIAODHead',
        num_classes=2,
        in_channels=8,
        feat_channels=8,
        stacked_convs=1,
        anchor_generator=dict(
            type='AnchorGenerator', octave_base_scale=4, scales_per_octave=1, ratios=[0.5, 1.0, 2.0], strides=[8, 16]
        ),
        loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type='L1Loss', loss_weight=1.0),
    ),
    train_cfg=dict(
        assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0, ignore_iof_thr=-1),
        sampler=dict(type='PseudoSampler'),
        allowed_border=-1,
        pos_weight=-1,
    ),
    test_cfg=dict(
        nms_pre=100, min_bbox_size=0, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=20
    ),
)

train_cfg = dict(
    type='MIAODTrainLoop', unlabeled_dataloader=unlabeled_dataloader, epoch=1, epoch_ratio=[1, 1], order='min_max'
)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[3], gamma=0.1, by_epoch=True)]
default_hooks = dict(logger=dict(interval=1), visualization=dict(_delete_=True, type='IterTimerHook'))

active_learning = dict(
    strategy=dict(type='MIAODStrategy'),
    initial_size=4,
    budget=2,
    cycles=2,
    flush_every=2,
    score_dataloader=dict(
        num_workers=0, dataset=dict(type='PoolSubset', subset='candidates', pool=pool, pipeline=score_pipeline)
    ),
)
