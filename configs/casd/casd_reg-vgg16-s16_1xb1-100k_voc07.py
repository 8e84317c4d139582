# + box regression
_base_ = ['casd_base-vgg16-s16_1xb1-100k_voc07.py']
model = dict(
    roi_head=dict(
        reg_heads=dict(type='BranchBBoxHeads', in_channels=4096, num_classes=20, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss')))
