# OICR in the grid of the MIL family, with the schedule that all its rows share.
# load_from: the checkpoint of classifier_minicnn_*
_base_ = [
    '../_base_/models/oicr_minicnn.py', '../_base_/datasets/minivoc.py', '../_base_/schedules/mini_family_3e.py',
    '../_base_/default_runtime.py'
]
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
