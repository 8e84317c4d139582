# Baseline on MiniVOC: images with the largest predicted loss
_base_ = ['random_retinanet-minicnn_1xb4-13e_minivoc.py']
model = dict(
    type='LearningLossDetector',
    loss_head=dict(type='LossPredictionHead', in_channels=[64] * 3, feat_channels=32))
active_learning = dict(strategy=dict(_delete_=True, type='LearningLossStrategy'))
