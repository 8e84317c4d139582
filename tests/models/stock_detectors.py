"""Detectors with MMDetection's own dense heads, small enough for unit tests."""

import torch

from .miaod import STRIDES, TwoConvs, build, retina_head, ssd_head

POST = dict(nms_pre=1000, min_bbox_size=0, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100)


def plain_retina_head(num_classes: int = 3, **options) -> dict:
    return retina_head(num_classes, type='RetinaHead', **options)


def softmax_retina_head(num_classes: int = 3) -> dict:
    """RetinaNet with a background column."""
    return plain_retina_head(num_classes, loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False))


def plain_ssd_head(num_classes: int = 3) -> dict:
    return ssd_head(num_classes, type='SSDHead')


def fcos_head(num_classes: int = 3) -> dict:
    return dict(
        type='FCOSHead',
        num_classes=num_classes,
        in_channels=8,
        feat_channels=8,
        stacked_convs=1,
        strides=list(STRIDES),
        regress_ranges=((-1, 20), (20, 1e8)),
        norm_cfg=None,
        loss_bbox=dict(type='IoULoss', loss_weight=1.0),
        train_cfg=None,
        test_cfg=POST,
    )


def atss_head(num_classes: int = 3, **options) -> dict:
    head = dict(
        type='ATSSHead',
        num_classes=num_classes,
        in_channels=8,
        feat_channels=8,
        stacked_convs=1,
        norm_cfg=None,
        anchor_generator=dict(
            type='AnchorGenerator', ratios=[1.0], octave_base_scale=4, scales_per_octave=1, strides=list(STRIDES)
        ),
        loss_centerness=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
        loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
        train_cfg=dict(assigner=dict(type='ATSSAssigner', topk=4), allowed_border=-1, pos_weight=-1),
        test_cfg=POST,
    )
    return head | options


HEADS = {
    'retina': plain_retina_head,
    'retina-softmax': softmax_retina_head,
    'ssd': plain_ssd_head,
    'fcos': fcos_head,
    'atss': atss_head,
}


def stock_detector(head: dict | None = None, seed: int = 0, **options):
    """A detector on :class:`TwoConvs`, whose ``train_cfg`` and ``test_cfg`` are those of the head."""
    head = dict(head or plain_retina_head())
    config = dict(
        type='SingleStageDetector',
        data_preprocessor=dict(type='DetDataPreprocessor', mean=[127.0] * 3, std=[64.0] * 3),
        backbone=dict(type=TwoConvs),
        train_cfg=head.pop('train_cfg'),
        test_cfg=head.pop('test_cfg'),
        bbox_head=head,
    )
    return build(config | options, seed)


def scatter(model, std: float = 0.3, seed: int = 5):
    """Give the head random weights, so that scores differ."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.bbox_head.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * std
    return model
