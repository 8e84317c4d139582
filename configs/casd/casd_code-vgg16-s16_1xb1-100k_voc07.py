# What the public code really trains (branch may30): Inverted Attention, regression and colours, no distillation. It
# also tests as that code does, but for the ground truth among its proposals and for its max_size of 1000 (ten_view.py).
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    data_preprocessor=dict(photometric=dict(start_iter=40000)),
    roi_head=dict(
        inverted_attention=dict(type='InvertedAttention'),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=4096, num_classes=20, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss')),
    test_cfg=dict(rcnn=dict(scores='first', jitter=dict())))
train_pipeline = [
    dict(type='LoadWeakImage'),
    dict(type='LoadWeakProposals', min_size=20, min_size_rule='casd', max_num=800, order='random'),
    dict(type='WeakViews', short_sides=[480, 576, 688, 864, 1200], num_scales=2, max_size=2000),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
