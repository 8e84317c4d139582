# WSDDN on photographs with the schedule that the rows of the grids share: stage 1 of Collaborative Learning.
# load_from: the checkpoint of classifier_minicnn_*
_base_ = [
    '../_base_/models/wsddn_minicnn.py', '../_base_/datasets/animals6.py', '../_base_/schedules/animals_family_3e.py',
    '../_base_/default_runtime.py'
]
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
