# Step 3 of the animals ladder. load_from: the checkpoint of classifier_minicnn_*_animals6.py
_base_ = [
    '../_base_/models/oicr_minicnn.py', '../_base_/datasets/animals6.py', '../_base_/schedules/mini_7e.py',
    '../_base_/default_runtime.py'
]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
