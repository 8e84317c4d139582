# CASD's baseline on the small body: contrastive-S, PCL centres, two branches with sampled cross entropy, two views.
# The last two stages of the body are trained, because attention is a property of the features.
_base_ = ['contextlocnet_minicnn.py']
model = dict(
    type='MultiViewFastRCNN',
    data_preprocessor=dict(type='MultiViewDataPreprocessor', flip=True),
    backbone=dict(frozen_stages=3, norm_eval=True),
    roi_head=dict(
        refine_heads=dict(type='RefineHeads', in_channels=256, num_classes=6, num_branches=2),
        miner=dict(type='PCLMiner'),
        # bg_low 0: here, other than on VOC, the ignore trick hurts; weight .1 is too small for so few steps
        loss_refine=dict(type='SampledCELoss', num_fg=16, num_bg=32, bg_low=0.0, loss_weight=1.0)),
    grad_share=dict(interval=100, part='backbone'))
