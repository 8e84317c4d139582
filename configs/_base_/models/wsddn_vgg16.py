# WSDDN on a stride-8 VGG16 (dilated conv5), the body that OICR and PCL use
model = dict(
    type='FastRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[102.9801, 115.9465, 122.7717],  # BGR, caffe weights
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_size_divisor=1),
    backbone=dict(type='VGG16', stride=8, frozen_stages=2),
    roi_head=dict(
        type='WeakRoIHead',
        bbox_roi_extractor=dict(
            type='WeakRoIExtractor',
            roi_layer=dict(type='RoIMaxPool', output_size=7, mode='mmcv'),
            out_channels=512,
            featmap_strides=[8]),
        shared_head=dict(
            type='SharedFC67Head',
            in_channels=512,
            roi_feat_size=7,
            fc_channels=(4096, 4096),
            dropout=0.5),
        bbox_head=dict(type='WSDDNHead', in_channels=4096, num_classes=20),
        loss_mil=dict(type='MILBCELoss', reduction='mean')),
    train_cfg=dict(rcnn=dict()),
    # MIL scores are small: a threshold of .1 costs several mAP
    test_cfg=dict(
        rcnn=dict(
            scores='mean', score_thr=1e-5,
            nms=dict(type='nms', iou_threshold=0.3, offset=1), max_per_img=100)))
