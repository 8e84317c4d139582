# + box regression
_base_ = ['casd_base-minicnn_1xb4-3e_minivoc.py']
model = dict(
    roi_head=dict(
        reg_heads=dict(type='BranchBBoxHeads', in_channels=256, num_classes=6, num_branches=2),
        loss_bbox=dict(type='CASDBBoxLoss', loss_weight=1.0)))
