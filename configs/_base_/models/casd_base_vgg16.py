# CASD's baseline: contrastive-S head, PCL centres, two branches with sampled cross entropy, four views
_base_ = ['contextlocnet_vgg16.py']
model = dict(
    type='MultiViewFastRCNN',
    data_preprocessor=dict(type='MultiViewDataPreprocessor', flip=True),
    roi_head=dict(
        refine_heads=dict(type='RefineHeads', in_channels=4096, num_classes=20, num_branches=2),
        miner=dict(type='PCLMiner'),
        loss_refine=dict(
            type='SampledCELoss', fg_iou=0.6, bg_low=0.1, bg_high=0.4, num_fg=32, num_bg=96, loss_weight=0.1)),
    # public code: branch 1 only (scores='first'), and every proposal jittered in every view (jitter=dict())
    test_cfg=dict(rcnn=dict(scores='mean')),
    # share of each loss in the gradient of the body, in the log
    grad_share=dict(interval=500, part='backbone'))
