# Step 2 of the animals ladder. load_from: the checkpoint of classifier_minicnn_*_animals6.py
_base_ = [
    '../_base_/models/wsddn_minicnn.py', '../_base_/datasets/animals6.py', '../_base_/schedules/mini_detector.py',
    '../_base_/default_runtime.py'
]
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
