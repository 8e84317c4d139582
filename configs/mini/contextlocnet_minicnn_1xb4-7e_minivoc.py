# ContextLocNet on MiniVOC. load_from: the checkpoint of classifier_minicnn_*_minivoc.py
_base_ = [
    '../_base_/models/contextlocnet_minicnn.py', '../_base_/datasets/minivoc.py',
    '../_base_/schedules/mini_detector.py', '../_base_/default_runtime.py'
]
load_from = 'work_dirs/classifier_minicnn_1xb16-14e_minivoc/epoch_14.pth'
