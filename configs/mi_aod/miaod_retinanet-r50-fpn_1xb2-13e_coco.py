# MI-AOD on COCO as in the recipe of the public code: 5 cycles from 2 % to 10 % of train2017. After a cycle a random
# fifth of the pool is scored and the images are chosen among it; every stage begins with a warm-up.
_base_ = [
    '../_base_/models/miaod_retinanet_r50_fpn.py', '../_base_/datasets/coco_active.py',
    '../_base_/schedules/miaod_13e.py', '../_base_/active_runtime.py'
]
model = dict(bbox_head=dict(num_classes=80))
active_learning = dict(
    strategy=dict(type='MIAODStrategy'),
    cycles=5,
    initial_size=2345,
    budget=2345,
    candidates=0.2,
    score_dataloader={{_base_.score_dataloader}})
train_cfg = dict(
    unlabeled_dataloader={{_base_.unlabeled_dataloader}},
    warmup=dict(iters=500, start_factor=0.001))
