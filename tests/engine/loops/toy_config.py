_base_ = '../../../configs/_base_/default_runtime.py'
custom_imports = dict(imports=['tests.engine.loops.toy'], allow_failed_imports=False)

model = dict(
    type='ToyMIAODDetector',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[127.0] * 3, std=[64.0] * 3),
    backbone=dict(type='ToyTwoConvs'),
    bbox_head=dict(
        type='MIAODRetinaHead',
        num_classes=3,
        in_channels=8,
        feat_channels=8,
        stacked_convs=1,
        anchor_generator=dict(
            type='AnchorGenerator',
            octave_base_scale=4,
            scales_per_octave=1,
            ratios=[0.5, 1.0, 2.0],
            strides=[8, 16],
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
    test_cfg=dict(nms_pre=10, min_bbox_size=0, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=5),
)
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True), dataset=dict(type='ToyDetDataset')
)
unlabeled_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ToyDetDataset', size=4, labeled=False),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyDetDataset', size=2),
)
val_evaluator = dict(type='ToyDetMetric')
val_cfg = dict(type='ValLoop')
train_cfg = dict(type='MIAODTrainLoop', unlabeled_dataloader=unlabeled_dataloader)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=0.05))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[12])]
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(max_keep_ckpts=-1), visualization=dict(_delete_=True, type='IterTimerHook')
)
custom_hooks = [dict(type='TraceHook')]
log_processor = dict(window_size=1)
