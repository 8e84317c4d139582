# Step 1 of the MiniVOC ladder: learn the body from image labels. Minutes on one core.
_base_ = [
    '../_base_/models/classifier_minicnn.py', '../_base_/datasets/minivoc.py', '../_base_/default_runtime.py'
]
# no proposals: whole images, smaller and larger
train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='InclusiveRandomFlip', prob=0.5),
    dict(type='ShortSideResize', short_sides=[112, 128, 144, 160, 176], max_size=320),
    dict(type='PackWeakInputs')
]
test_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='ShortSideResize', short_sides=152, max_size=320),
    dict(type='PackWeakInputs')
]
train_dataloader = dict(
    batch_size=16, drop_last=True, dataset=dict(proposal_file=None, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(proposal_file=None, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(proposal_file=None, pipeline=test_pipeline))
val_evaluator = dict(_delete_=True, type='MultiLabelMetric')
test_evaluator = val_evaluator

max_epochs = 14
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.2, momentum=0.9, nesterov=True, weight_decay=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, begin=0, end=60, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True),
]
