# Collaborative Learning on the small body of our classifier. Both branches pool 2 x 2 bins, with which a WSDDN can tell
# the whole from its most telling part (README.md). Anchors of 32, 64 and 128 pixels stand to an image of 152 as
# VGG16's 128, 256 and 512 stand to one of 600. As in CASD's, the last two stages of the body are trained.
model = dict(
    type='CollaborativeRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        bgr_to_rgb=False,
        pad_size_divisor=8),
    consistency='bootstrap',
    rpn_weight_order='aligned',
    backbone=dict(type='MiniCNN', frozen_stages=3, norm_eval=True),
    rpn_head=dict(type='BootstrapRPNHead', in_channels=128, feat_channels=128, stride=8, scales=(4, 8, 16)),
    roi_head=dict(
        type='CollaborativeRoIHead',
        bbox_roi_extractor=dict(
            type='WeakRoIExtractor',
            roi_layer=dict(type='RoIMaxPool', output_size=2, mode='mmcv'),
            out_channels=128,
            featmap_strides=[8]),
        shared_head=dict(
            type='SharedFC67Head', in_channels=128, roi_feat_size=2, fc_channels=(256, 256), dropout=0.5,
            init_cfg=dict(type='Kaiming', layer='Linear', mode='fan_in')),
        weak_head=dict(type='WSDDNHead', in_channels=256, num_classes=6),
        bbox_head=dict(type='StrongBBoxHead', in_channels=256, num_classes=6),
        loss_mil=dict(type='MILBCELoss', reduction='mean'),
        miner=dict(type='PseudoGTMiner', top_k=50, nms_iou=0.1)),
    # 4,000 anchors an image, VGG16 has 20,000; a quarter of the samples, because a step has four images
    train_cfg=dict(
        rpn=dict(num=64),
        rpn_proposal=dict(nms_pre=2000, max_per_img=300),
        rcnn=dict(num=64)),
    test_cfg=dict(branch='both', rpn=dict(nms_pre=1000, max_per_img=100)))
