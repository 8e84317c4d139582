# OICR on the small body: WSDDN and three refinement branches
_base_ = ['wsddn_minicnn.py']
model = dict(
    roi_head=dict(
        refine_heads=dict(type='RefineHeads', in_channels=256, num_classes=6, num_branches=3),
        miner=dict(type='Top1Miner'),
        loss_refine=dict(
            type='OICRLoss', fg_iou=0.5, ignore_iou=0.0, norm='all', first_branch_weight=1.0)))
