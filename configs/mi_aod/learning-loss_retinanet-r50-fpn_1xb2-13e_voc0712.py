# Baseline: a RetinaNet that learns to predict its own loss; images with the largest predicted one
_base_ = ['random_retinanet-r50-fpn_1xb2-13e_voc0712.py']
model = dict(
    _scope_='wsod_mm',
    type='LearningLossDetector',
    loss_head=dict(type='LossPredictionHead', in_channels=[256] * 5))
active_learning = dict(strategy=dict(_delete_=True, type='LearningLossStrategy'))
