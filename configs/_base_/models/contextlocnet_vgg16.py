# ContextLocNet (contrastive-S) on VGG16 at stride 16, with the ring pooling of CASD's code
_base_ = ['wsddn_vgg16.py']
model = dict(
    backbone=dict(stride=16),
    roi_head=dict(
        bbox_roi_extractor=dict(
            type='RingRoIExtractor',
            roi_layer=dict(_delete_=True, type='RingMaxPool', output_size=7, rounding='truncate'),
            featmap_strides=[16]),
        bbox_head=dict(type='ContrastiveHead', variant='contrastive_s'),  # contrastive_a, additive
        loss_mil=dict(_delete_=True, type='MILHingeLoss')))
