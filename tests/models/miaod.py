"""Detectors of MI-AOD small enough for unit tests, built through the registry like real ones."""

import copy

import torch
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from wsod_mm.registry import MODELS

STRIDES = (8, 16)
SIZE = (32, 48)


class TwoConvs(nn.Sequential):
    """Features at strides 8 and 16."""

    def __init__(self, width: int = 8) -> None:
        super().__init__(nn.Conv2d(3, width, 8, stride=8), nn.Conv2d(width, width, 3, stride=2, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = self[0](x).relu()
        return first, self[1](first).relu()


def retina_head(num_classes: int = 3, strides=STRIDES, **options) -> dict:
    """A head of width 8 with one convolution per tower and three anchors per cell."""
    generator = dict(type='AnchorGenerator', octave_base_scale=4, scales_per_octave=1, ratios=[0.5, 1.0, 2.0])
    head = dict(
        type='MIAODRetinaHead',
        num_classes=num_classes,
        in_channels=8,
        feat_channels=8,
        stacked_convs=1,
        anchor_generator=dict(generator, strides=list(strides)),
        loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type='L1Loss', loss_weight=1.0),
        train_cfg=retina_train_cfg(),
        test_cfg=dict(
            nms_pre=1000, min_bbox_size=0, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100
        ),
    )
    return head | options


def retina_train_cfg() -> dict:
    assigner = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0, ignore_iof_thr=-1)
    return dict(assigner=assigner, sampler=dict(type='PseudoSampler'), allowed_border=-1, pos_weight=-1)


def ssd_head(num_classes: int = 3, channels=(8, 8), anchors: dict | None = None, **options) -> dict:
    """A head with the settings of SSD300, and small anchors on two levels unless ``anchors`` are given."""
    anchors = anchors or dict(strides=list(STRIDES), ratios=[[2], [2, 3]], min_sizes=[12, 24], max_sizes=[24, 40])
    head = dict(
        type='MIAODSSDHead',
        num_classes=num_classes,
        in_channels=channels,
        anchor_generator=dict(type='SSDAnchorGenerator', scale_major=False, input_size=300, **anchors),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]),
        train_cfg=ssd_train_cfg(),
        test_cfg=dict(
            nms_pre=1000, min_bbox_size=0, score_thr=0.02, nms=dict(type='nms', iou_threshold=0.45), max_per_img=200
        ),
    )
    return head | options


def ssd_train_cfg() -> dict:
    assigner = dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.5,
        neg_iou_thr=0.5,
        min_pos_iou=0.0,
        ignore_iof_thr=-1,
        gt_max_assign_all=False,
    )
    return dict(
        assigner=assigner,
        sampler=dict(type='PseudoSampler'),
        smoothl1_beta=1.0,
        allowed_border=-1,
        pos_weight=-1,
        neg_pos_ratio=3,
    )


def build(config: dict, seed: int = 0):
    """Build a head or a detector, with its initial weights."""
    init_default_scope('wsod_mm')  # MMDetection builds the parts of a detector through the current scope
    torch.manual_seed(seed)
    model = MODELS.build(ConfigDict(copy.deepcopy(config)))
    model.init_weights()
    return model


def detector(head: dict | None = None, seed: int = 0, **options):
    """A detector on :class:`TwoConvs`; the head's ``train_cfg`` and ``test_cfg`` are those of the detector."""
    head = dict(head or retina_head())
    config = dict(
        type='MIAODDetector',
        data_preprocessor=dict(type='DetDataPreprocessor', mean=[127.0] * 3, std=[64.0] * 3),
        backbone=dict(type=TwoConvs),
        train_cfg=head.pop('train_cfg'),
        test_cfg=head.pop('test_cfg'),
        bbox_head=head,
    )
    return build(config | options, seed)


def sample(boxes=None, labels=None, size=SIZE, pad=None, **meta) -> DetDataSample:
    """A sample with ground truth, or without any entry for it."""
    result = DetDataSample(
        metainfo=dict(img_shape=tuple(size), ori_shape=tuple(size), pad_shape=tuple(pad or size), scale_factor=(1, 1))
    )
    result.set_metainfo(meta)
    if boxes is not None:
        boxes = torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        labels = torch.as_tensor(labels, dtype=torch.int64).reshape(-1)
        result.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        result.ignored_instances = InstanceData(bboxes=boxes[:0], labels=labels[:0])
    return result


def samples(labeled: bool = True) -> list[DetDataSample]:
    """Two samples; unlabeled ones have no ground truth."""
    if not labeled:
        return [sample(labeled=False), sample(labeled=False)]
    return [sample([[4, 4, 28, 30], [20, 2, 44, 20]], [0, 2]), sample([[8, 0, 40, 31]], [1], labeled=True)]


def images(seed: int = 1, number: int = 2, size=SIZE) -> Tensor:
    return torch.randn(number, 3, *size, generator=torch.Generator().manual_seed(seed))


def spread(head, std: float = 0.3, seed: int = 5):
    """Give the last convolutions weights large enough for scores to differ, and the classifiers bias 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in head.named_parameters():
        if name.startswith('f_'):
            parameter.data = torch.randn(parameter.shape, generator=generator) * std
    return head


def total(losses: dict) -> Tensor:
    """What is back-propagated, as MMEngine adds it up: means of tensors, sums of lists."""
    values = [v for name, v in losses.items() if 'loss' in name]
    return sum(v.mean() if isinstance(v, Tensor) else sum(x.mean() for x in v) for v in values)
