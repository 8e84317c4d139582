# PCL on the animals, with the schedule of OICR. load_from: the checkpoint of classifier_minicnn_*_animals6.py
_base_ = [
    '../_base_/models/pcl_minicnn.py', '../_base_/datasets/animals6.py', '../_base_/schedules/mini_detector.py',
    '../_base_/default_runtime.py'
]
max_epochs = 10
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=100, by_epoch=False),
    dict(type='MultiStepLR', milestones=[7], gamma=0.1, by_epoch=True),
]
optim_wrapper = dict(optimizer=dict(lr=5e-4))
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
