# CASD's baseline on MiniVOC. load_from: the checkpoint of classifier_minicnn_*_minivoc.py
_base_ = [
    '../_base_/models/casd_base_minicnn.py', '../_base_/datasets/minivoc_views.py',
    '../_base_/schedules/mini_detector.py', '../_base_/default_runtime.py'
]
# 450 steps of four images: the refinement heads need the tenfold learning rate of the public code to learn in them
max_epochs = 3
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='MultiStepLR', milestones=[340], gamma=0.1, by_epoch=False),
]
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1), 'refine_heads': dict(lr_mult=10.0)}))
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
