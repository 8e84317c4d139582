# CS_S: a frozen WSDDN (the checkpoint in load_from) teaches a detector of its own
_base_ = ['collaborative_minicnn_1xb4-3e_minivoc.py']
model = dict(
    teacher=dict(
        type='FastRCNN',
        backbone=dict(type='MiniCNN'),
        roi_head=dict(
            type='WeakRoIHead',
            bbox_roi_extractor=dict(
                type='WeakRoIExtractor',
                roi_layer=dict(type='RoIMaxPool', output_size=2, mode='mmcv'),
                out_channels=128,
                featmap_strides=[8]),
            shared_head=dict(type='SharedFC67Head', in_channels=128, roi_feat_size=2, fc_channels=(256, 256)),
            bbox_head=dict(type='WSDDNHead', in_channels=256, num_classes=6),
            loss_mil=dict(type='MILBCELoss'))))
