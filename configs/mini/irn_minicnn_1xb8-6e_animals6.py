# IRN on real photographs: a step of weakseg_minicnn_animals6.py. load_from: the classifier
_base_ = [
    '../_base_/models/irn_minicnn.py', '../_base_/datasets/animals6_weakseg_irn.py',
    '../_base_/schedules/irn_mini_6e.py', '../_base_/default_runtime.py'
]
model = dict(crop_size=288)
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
