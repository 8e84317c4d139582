# Ours, as collaborative_resnet50.py
_base_ = ['collaborative_resnet50.py']
model = dict(backbone=dict(depth=101), roi_head=dict(shared_head=dict(depth=101)))
