# What the public code really trains (branch may30): Inverted Attention, regression and colours, no distillation
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    data_preprocessor=dict(photometric=dict(start_iter=45000)),
    roi_head=dict(
        inverted_attention=dict(type='InvertedAttention'),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=4096, num_classes=20, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss')))
