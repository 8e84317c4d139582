# IRN on MiniVOC: a step of weakseg_minicnn_minivoc.py. load_from: the classifier. Minutes on one core.
_base_ = [
    '../_base_/models/irn_minicnn.py', '../_base_/datasets/minivoc_weakseg_irn.py',
    '../_base_/schedules/irn_mini_6e.py', '../_base_/default_runtime.py'
]
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
