# WSDDN on the small body of our classifier, which stays frozen. With 2 x 2 bins the whole object scores as well as its
# most telling part; with 4 x 4 or more the MIL head boxes the part (measured on val, see README.md).
model = dict(
    type='FastRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[114.0, 114.0, 114.0],
        std=[58.0, 58.0, 58.0],
        bgr_to_rgb=False,
        pad_size_divisor=8),
    backbone=dict(type='MiniCNN', frozen_stages=5),
    roi_head=dict(
        type='WeakRoIHead',
        bbox_roi_extractor=dict(
            type='WeakRoIExtractor',
            roi_layer=dict(type='RoIMaxPool', output_size=2, mode='mmcv'),
            out_channels=128,
            featmap_strides=[8]),
        shared_head=dict(
            type='SharedFC67Head', in_channels=128, roi_feat_size=2, fc_channels=(256, 256), dropout=0.5,
            init_cfg=dict(type='Kaiming', layer='Linear', mode='fan_in')),
        bbox_head=dict(type='WSDDNHead', in_channels=256, num_classes=6),
        loss_mil=dict(type='MILBCELoss', reduction='mean')),
    train_cfg=dict(rcnn=dict()),
    test_cfg=dict(
        rcnn=dict(
            scores='mean', score_thr=1e-5,
            nms=dict(type='nms', iou_threshold=0.3, offset=1), max_per_img=100)))
