# MI-AOD on real photographs, at a size for a CPU. load_from: the body of the classifier, which has seen the image
# labels of the pool; a detector that begins from nothing learns nothing from 60 photographs
_base_ = [
    '../_base_/models/miaod_retinanet_minicnn.py', '../_base_/datasets/animals6_active.py',
    '../_base_/schedules/miaod_mini_13e.py', '../_base_/active_runtime.py'
]
active_learning = dict(
    strategy=dict(type='MIAODStrategy'),
    cycles=3,
    initial_size=60,
    budget=30,
    score_dataloader={{_base_.score_dataloader}})
train_cfg = dict(unlabeled_dataloader={{_base_.unlabeled_dataloader}})
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
