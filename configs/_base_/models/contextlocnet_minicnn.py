# ContextLocNet (contrastive-S) on the small body: the box against its surroundings
_base_ = ['wsddn_minicnn.py']
model = dict(
    roi_head=dict(
        bbox_roi_extractor=dict(
            type='RingRoIExtractor',
            roi_layer=dict(_delete_=True, type='RingMaxPool', output_size=4, rounding='truncate')),
        shared_head=dict(roi_feat_size=4),
        bbox_head=dict(type='ContrastiveHead', variant='contrastive_s'),
        loss_mil=dict(_delete_=True, type='MILHingeLoss')))
