# OICR: WSDDN and three refinement branches
_base_ = ['wsddn_vgg16.py']
model = dict(
    roi_head=dict(
        refine_heads=dict(type='RefineHeads', in_channels=4096, num_classes=20, num_branches=3),
        miner=dict(type='Top1Miner'),
        loss_refine=dict(
            type='OICRLoss',
            fg_iou=0.5,
            ignore_iou=0.0,  # public PCL code: 0.1
            norm='all',
            first_branch_weight=1.0)))  # public PCL code: 3
