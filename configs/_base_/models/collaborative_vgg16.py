# Collaborative Learning on VGG16, stride 16: a WSDDN and a Faster R-CNN with one body and one fc6 and fc7
model = dict(
    type='CollaborativeRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[102.9801, 115.9465, 122.7717],  # BGR, caffe weights
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_size_divisor=1),
    consistency='bootstrap',  # public code; 'pairwise' is the paper's
    rpn_weight_order='aligned',  # 'reference' is what the published numbers were made with
    beta=0.8,
    hard=True,
    backbone=dict(type='VGG16', stride=16, frozen_stages=2),
    rpn_head=dict(type='BootstrapRPNHead', in_channels=512, feat_channels=512, stride=16, scales=(8, 16, 32)),
    roi_head=dict(
        type='CollaborativeRoIHead',
        bbox_roi_extractor=dict(
            type='WeakRoIExtractor',
            roi_layer=dict(type='RoIMaxPool', output_size=7, mode='torchvision'),  # corners as the public weights want
            out_channels=512,
            featmap_strides=[16]),
        shared_head=dict(
            type='SharedFC67Head', in_channels=512, roi_feat_size=7, fc_channels=(4096, 4096), dropout=0.5),
        weak_head=dict(type='WSDDNHead', in_channels=4096, num_classes=20, cls_std=0.01, det_std=0.001),
        bbox_head=dict(type='StrongBBoxHead', in_channels=4096, num_classes=20),
        loss_mil=dict(type='MILBCELoss', reduction='mean', eps=0.0),
        miner=dict(type='PseudoGTMiner', top_k=50, nms_iou=0.1)),
    train_cfg=dict(
        rpn=dict(pos_iou_thr=0.7, neg_iou_thr=0.3, num=256, pos_fraction=0.5),
        rpn_proposal=dict(nms_pre=12000, max_per_img=2000, nms=dict(iou_threshold=0.7)),
        rcnn=dict(num=256, pos_fraction=0.25, pos_iou_thr=0.5, neg_iou_thr=(0.0, 0.5))),
    # 'strong' needs no proposals
    test_cfg=dict(
        branch='both',
        weak_flip=True,
        rpn=dict(nms_pre=6000, max_per_img=300, nms=dict(iou_threshold=0.7)),
        rcnn=dict(score_thr=0.0, nms=dict(iou_threshold=0.3), max_per_img=100)))
