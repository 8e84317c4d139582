# Collaborative Learning on photographs. load_from: the checkpoint of stage 1, wsddn_minicnn_1xb4-3e_animals6.py
_base_ = [
    '../_base_/models/collaborative_minicnn.py', '../_base_/datasets/animals6.py',
    '../_base_/schedules/animals_family_3e.py', '../_base_/default_runtime.py'
]
val_evaluator = [dict(type='WeakVOCMetric'), dict(type='WeakVOCMetric', branch='weak')]
test_evaluator = val_evaluator
load_from = 'work_dirs/wsddn_minicnn_1xb4-3e_animals6/epoch_3.pth'
