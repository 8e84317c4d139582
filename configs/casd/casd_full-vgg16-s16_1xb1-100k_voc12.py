# CASD with everything, on VOC12
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc12.py']
model = dict(
    data_preprocessor=dict(photometric=dict(start_iter=45000)),
    backbone=dict(out_blocks=(2, 3, 4, 5)),
    roi_head=dict(
        inverted_attention=dict(type='InvertedAttention'),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=4096, num_classes=20, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss'),
        image_wise=dict(type='ImageWiseLoss', mode='paper', loss_weight=0.1),
        layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 16), loss_weight=0.1)))
