# Baseline: a plain RetinaNet, images chosen at random
_base_ = [
    'mmdet::_base_/models/retinanet_r50_fpn.py', '../_base_/datasets/voc0712_active.py',
    '../_base_/schedules/active_baseline_13e.py', '../_base_/active_runtime.py'
]
model = dict(bbox_head=dict(num_classes=20))
active_learning = dict(
    strategy=dict(type='RandomStrategy'),
    cycles=7,
    initial_size=827,
    budget=413,
    score_dataloader={{_base_.score_dataloader}})
