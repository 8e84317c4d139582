# MI-AOD on MiniVOC. load_from: the body of classifier_minicnn_*_minivoc.py, which should have seen other images than
# the pool's, or their labels are not as unknown as active learning takes them to be
_base_ = [
    '../_base_/models/miaod_retinanet_minicnn.py', '../_base_/datasets/minivoc_active.py',
    '../_base_/schedules/miaod_mini_13e.py', '../_base_/active_runtime.py'
]
active_learning = dict(
    strategy=dict(type='MIAODStrategy'),
    cycles=5,
    initial_size=20,
    budget=8,
    score_dataloader={{_base_.score_dataloader}})
train_cfg = dict(unlabeled_dataloader={{_base_.unlabeled_dataloader}})
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
