# MI-AOD on SSD300 as in the released code: 1000 images to begin with and 1000 more per cycle, cycles 0 to 10. The
# published numbers end at 10000 images, that is with cycle 9.
_base_ = [
    '../_base_/models/miaod_ssd300_vgg16.py', '../_base_/datasets/voc0712_active_ssd300.py',
    '../_base_/schedules/miaod_ssd_19e.py', '../_base_/active_runtime.py'
]
active_learning = dict(
    strategy=dict(type='MIAODStrategy'),
    cycles=11,
    initial_size=1000,
    budget=1000,
    score_dataloader={{_base_.score_dataloader}})
train_cfg = dict(unlabeled_dataloader={{_base_.unlabeled_dataloader}})
