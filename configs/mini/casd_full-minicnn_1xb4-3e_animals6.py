# CASD with everything on the animals. load_from: the checkpoint of classifier_minicnn_*_animals6.py
_base_ = [
    '../_base_/models/casd_base_minicnn.py', '../_base_/datasets/animals6_views.py',
    '../_base_/schedules/animals_family_3e.py', '../_base_/default_runtime.py'
]
model = dict(
    data_preprocessor=dict(photometric=dict(start_iter=380)),
    backbone=dict(out_indices=(3, 4)),
    roi_head=dict(
        inverted_attention=dict(type='InvertedAttention', switch_iter=510),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=256, num_classes=6, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss', loss_weight=1.0),
        image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=1.0),
        layer_wise=dict(type='LayerWiseLoss', strides=(8, 8), output_size=4, loss_weight=2.0)))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'refine_heads': dict(lr_mult=10.0)}))
load_from = 'work_dirs/classifier_minicnn_1xb16-30e_animals6/epoch_30.pth'
