"""A Collaborative Learning detector small enough for unit tests."""

import copy

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope

from tests.models.weak_detector import NUM_CLASSES, WSDDN
from wsod_mm.models.detectors.collaborative_rcnn import CollaborativeRCNN

STAGE_1 = copy.deepcopy(WSDDN)
STAGE_1['backbone']['stride'] = 16
STAGE_1['roi_head']['bbox_roi_extractor']['featmap_strides'] = [16]

CONFIG = dict(
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
    backbone=STAGE_1['backbone'],
    rpn_head=dict(type='BootstrapRPNHead', in_channels=64, feat_channels=16, scales=(1, 1.5, 2), std=0.05),
    roi_head=dict(
        type='CollaborativeRoIHead',
        bbox_roi_extractor=STAGE_1['roi_head']['bbox_roi_extractor'],
        shared_head=STAGE_1['roi_head']['shared_head'],
        weak_head=STAGE_1['roi_head']['bbox_head'],
        bbox_head=dict(type='StrongBBoxHead', in_channels=16, num_classes=NUM_CLASSES, cls_std=0.5, bbox_std=0.1),
        loss_mil=dict(type='MILBCELoss', eps=0.0),
    ),
    train_cfg=dict(
        rpn=dict(num=32, pos_iou_thr=0.5),
        rpn_proposal=dict(nms_pre=60, max_per_img=40),
        rcnn=dict(num=16, pos_iou_thr=0.3, neg_iou_thr=(0.0, 0.3)),
    ),
    test_cfg=dict(branch='both', rpn=dict(nms_pre=60, max_per_img=20)),
)


def detector(seed: int = 0, roi_head: dict | None = None, rpn_head: dict | None = None, **options):
    """Build the detector with entries of its parts replaced, and with weights of a known seed."""
    init_default_scope('wsod_mm')
    config = copy.deepcopy(CONFIG)
    config['roi_head'].update(roi_head or {})
    config['rpn_head'].update(rpn_head or {})
    for key in ('train_cfg', 'test_cfg'):
        config[key].update(options.pop(key, {}))
    torch.manual_seed(seed)
    model = CollaborativeRCNN(**ConfigDict(config | options))
    model.init_weights()
    return model
