# MI-AOD as in the released code: 7 cycles from 5 % to 20 % of VOC 07+12
_base_ = [
    '../_base_/models/miaod_retinanet_r50_fpn.py', '../_base_/datasets/voc0712_active.py',
    '../_base_/schedules/miaod_13e.py', '../_base_/active_runtime.py'
]
active_learning = dict(
    strategy=dict(type='MIAODStrategy'),
    cycles=7,
    initial_size=827,
    budget=413,
    score_dataloader={{_base_.score_dataloader}})
train_cfg = dict(unlabeled_dataloader={{_base_.unlabeled_dataloader}})
