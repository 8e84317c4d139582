# MIST: OICR with many seeds per class and a box regression in every branch (without Concrete DropBlock, and with
# the five scales of OICR instead of six)
_base_ = ['oicr_vgg16.py']
model = dict(
    roi_head=dict(
        miner=dict(_delete_=True, type='MISTMiner', top_fraction=0.15, nms_iou=0.2),
        loss_refine=dict(first_branch_weight=3.0),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=4096, num_classes=20, num_branches=3),
        loss_bbox=dict(type='MISTBBoxLoss', first_branch_weight=3.0)))
