# Baseline on MiniVOC: a plain RetinaNet, images chosen at random. load_from: see
# miaod_retinanet-minicnn_1xb4-13e_minivoc.py
_base_ = [
    '../_base_/models/retinanet_minicnn.py', '../_base_/datasets/minivoc_active.py',
    '../_base_/schedules/active_baseline_mini_13e.py', '../_base_/active_runtime.py'
]
active_learning = dict(
    strategy=dict(type='RandomStrategy'),
    cycles=5,
    initial_size=20,
    budget=8,
    score_dataloader={{_base_.score_dataloader}})
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
