# OICR on the small body: WSDDN and three refinement branches
_base_ = ['wsddn_minicnn.py']
model = dict(
    roi_head=dict(
        # 4 x 4 bins: refinement needs to tell the whole from the part
        bbox_roi_extractor=dict(roi_layer=dict(output_size=4)),
        shared_head=dict(roi_feat_size=4),
        refine_heads=dict(type='RefineHeads', in_channels=256, num_classes=6, num_branches=3),
        miner=dict(type='Top1Miner'),
        loss_refine=dict(
            type='OICRLoss', fg_iou=0.5, ignore_iou=0.0, norm='all', first_branch_weight=1.0)))
