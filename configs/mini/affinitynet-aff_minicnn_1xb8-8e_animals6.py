# AffinityNet on real photographs: a step of weakseg_minicnn_animals6.py. load_from: the classifier
_base_ = [
    '../_base_/models/affinitynet_minicnn.py', '../_base_/datasets/animals6_weakseg_aff.py',
    '../_base_/schedules/affinitynet_mini_8e.py', '../_base_/default_runtime.py'
]
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
