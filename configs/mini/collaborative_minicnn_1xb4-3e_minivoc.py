# Collaborative Learning (public code's losses, RPN mended) in the grid of ablation_collaborative_minivoc.yaml.
# load_from: the checkpoint of stage 1, wsddn_minicnn_1xb4-3e_minivoc.py
_base_ = [
    '../_base_/models/collaborative_minicnn.py', '../_base_/datasets/minivoc.py',
    '../_base_/schedules/mini_family_3e.py', '../_base_/default_runtime.py'
]
val_evaluator = [dict(type='WeakVOCMetric'), dict(type='WeakVOCMetric', branch='weak')]
test_evaluator = val_evaluator
load_from = 'work_dirs/wsddn_minicnn_1xb4-3e_minivoc/epoch_3.pth'
