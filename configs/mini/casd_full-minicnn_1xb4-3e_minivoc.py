# CASD with everything: image-wise and layer-wise distillation, Inverted Attention, regression, colours
_base_ = ['casd_base-minicnn_1xb4-3e_minivoc.py']
model = dict(
    data_preprocessor=dict(photometric=dict(start_iter=200)),
    backbone=dict(out_indices=(3, 4)),
    roi_head=dict(
        inverted_attention=dict(type='InvertedAttention', switch_iter=270),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=256, num_classes=6, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss', loss_weight=1.0),
        image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=1.0),
        layer_wise=dict(type='LayerWiseLoss', strides=(8, 8), output_size=4, loss_weight=2.0)))
