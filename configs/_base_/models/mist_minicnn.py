# MIST on the small body: OICR with many seeds per class and a box regression in every branch
_base_ = ['oicr_minicnn.py']
model = dict(
    roi_head=dict(
        miner=dict(_delete_=True, type='MISTMiner', top_fraction=0.15, nms_iou=0.2),
        reg_heads=dict(type='BranchBBoxHeads', in_channels=256, num_classes=6, num_branches=3),
        loss_bbox=dict(type='MISTBBoxLoss')))
