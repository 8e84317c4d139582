"""Region proposal network of Collaborative Learning."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from wsod_mm.functional.anchor_targets import WEIGHT_ORDERS, anchor_targets, reference_weight_order
from wsod_mm.functional.anchors import grid_anchors, rounded_base_anchors
from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.rpn_proposals import rpn_proposals
from wsod_mm.functional.strong_losses import rpn_bbox_loss, rpn_cls_loss
from wsod_mm.registry import MODELS
from wsod_mm.utils.known_options import known_options, nms_threshold

__all__ = ['BootstrapRPNHead']

TRAIN_OPTIONS = dict(pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.0, num=256, pos_fraction=0.5, allowed_border=0)
PROPOSAL_OPTIONS = dict(nms_pre=6000, max_per_img=300, nms=dict(iou_threshold=0.7))


@MODELS.register_module()
class BootstrapRPNHead(BaseModule):
    """RPN with one logit an anchor, taught by weighted pseudo ground truth through a bootstrapped cross entropy.

    Layers have the names of MMDetection's ``RPNHead``. MMDetection's own cannot be used: it knows no weight of a
    ground-truth box, does not round anchors, and gives an anchor to another box than the one it overlaps most.

    Source: public code (Collaborative Learning), which has two logits an anchor; see
    :func:`~wsod_mm.functional.bootstrap.bootstrap_bce` for why one is enough.

    Args:
        in_channels: Channels of the feature map.
        feat_channels: Channels of the hidden convolution.
        stride: Pixels per cell, and side of the square that the ratios of the anchors deform.
        scales: Scales of the anchors.
        ratios: Height over width of the anchors.
        beta: Trust in the labels.
        hard: Whether the belief that makes up for the rest is a decision or a probability.
        weight_order: ``'aligned'``: the classification loss of an anchor has its own weight. ``'reference'``: the one
            that the public code takes by mistake, with which the published numbers were made.
        std: Standard deviation of the initial weights.
        train_cfg: ``pos_iou_thr`` (.7), ``neg_iou_thr`` (.3), ``min_pos_iou`` (0: as the public code, also anchors that
            touch no box may overlap one best), ``num`` (256), ``pos_fraction`` (.5), ``allowed_border`` (0 pixels).
        test_cfg: ``nms_pre`` (6000), ``max_per_img`` (300), ``nms`` (``dict(iou_threshold=.7)``).
        num_classes: 1; MMDetection hands it over.
        init_cfg: MMEngine's initialisation, instead of the one above.

    Raises:
        ValueError: If an option is unknown or out of range.
    """

    def __init__(
        self,
        in_channels: int,
        feat_channels: int = 512,
        stride: int = 16,
        scales: Sequence[float] = (8, 16, 32),
        ratios: Sequence[float] = (0.5, 1.0, 2.0),
        beta: float = 0.8,
        hard: bool = True,
        weight_order: str = 'aligned',
        std: float = 0.01,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        num_classes: int = 1,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Normal', layer='Conv2d', std=std))
        if weight_order not in WEIGHT_ORDERS:
            raise ValueError(f'rpn_weight_order must be one of {WEIGHT_ORDERS}, got {weight_order!r}')
        if num_classes != 1:
            raise ValueError(f'an RPN has one class, got num_classes={num_classes}')
        self.stride, self.beta, self.hard, self.weight_order = stride, beta, hard, weight_order
        self.train_options = known_options(train_cfg, TRAIN_OPTIONS, 'train_cfg.rpn')
        self.test_options = self.proposal_options(test_cfg, 'test_cfg.rpn')
        base = rounded_base_anchors(stride, ratios, scales)
        self.num_anchors = len(base)
        # on the device of the model without a copy in every step; not a weight
        self.register_buffer('base_anchors', base.float(), persistent=False)
        self.rpn_conv = nn.Conv2d(in_channels, feat_channels, 3, padding=1)
        self.rpn_cls = nn.Conv2d(feat_channels, self.num_anchors, 1)
        self.rpn_reg = nn.Conv2d(feat_channels, 4 * self.num_anchors, 1)

    @staticmethod
    def proposal_options(cfg: dict | None, where: str) -> dict:
        """``nms_pre``, ``max_per_img`` and ``nms`` of a config as arguments of ``rpn_proposals``.

        Raises:
            ValueError: If an option is unknown.
        """
        options = known_options(cfg, PROPOSAL_OPTIONS, where)
        return dict(
            pre_nms=options['nms_pre'],
            post_nms=options['max_per_img'],
            nms_iou=nms_threshold(options['nms'], f'{where}.nms'),
        )

    def forward(self, x: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Score and regress all anchors.

        Args:
            x: Feature maps; the last one, ``[N, in_channels, H, W]``, is used.

        Returns:
            Logits ``[N, H * W * A]`` (object minus background), deltas ``[N, H * W * A, 4]`` and anchors
            ``[H * W * A, 4]`` in network-input pixels; in the order (row, column, anchor).
        """
        hidden = F.relu(self.rpn_conv(x[-1]))
        logits, deltas = (layer(hidden).permute(0, 2, 3, 1) for layer in (self.rpn_cls, self.rpn_reg))
        number, rows, columns, _ = logits.shape
        anchors = grid_anchors(self.base_anchors, rows, columns, self.stride)
        return logits.reshape(number, -1), deltas.reshape(number, -1, 4), anchors

    def loss(
        self,
        outputs: tuple[Tensor, Tensor, Tensor],
        seeds: Sequence[Seeds],
        shapes: Sequence[tuple[int, int]],
    ) -> dict[str, Tensor]:
        """Losses, means over the images.

        Args:
            outputs: What :meth:`forward` returned.
            seeds: Pseudo ground truth of each image, in network-input pixels.
            shapes: Height and width of each image, without padding.

        Returns:
            ``loss_rpn_cls`` and ``loss_rpn_bbox``; 0 with a graph for an image without pseudo ground truth.
        """
        options = self.train_options
        losses = []
        for logits, deltas, found, shape in zip(*outputs[:2], seeds, shapes, strict=True):
            targets = anchor_targets(
                outputs[2],
                found,
                shape,
                pos_iou=options['pos_iou_thr'],
                neg_iou=options['neg_iou_thr'],
                min_best_iou=options['min_pos_iou'],
                number=options['num'],
                fg_fraction=options['pos_fraction'],
                border=options['allowed_border'],
            )
            weights = targets.weights
            if self.weight_order == 'reference':
                weights = reference_weight_order(weights, self.num_anchors)
            losses.append(
                (
                    rpn_cls_loss(logits, targets.labels, weights, self.beta, self.hard),
                    rpn_bbox_loss(deltas, targets.deltas, targets.labels, targets.weights),
                )
            )
        names = ('loss_rpn_cls', 'loss_rpn_bbox')
        return {name: torch.stack(parts).mean() for name, parts in zip(names, zip(*losses, strict=True), strict=True)}

    def proposals(
        self, outputs: tuple[Tensor, Tensor, Tensor], shapes: Sequence[tuple[int, int]], options: dict | None = None
    ) -> list[Tensor]:
        """Proposals of each image. Waits for the device once an image, in NMS.

        Args:
            outputs: What :meth:`forward` returned.
            shapes: Height and width of each image, without padding.
            options: From :meth:`proposal_options`; ``None``: those of testing.

        Returns:
            ``[n, 4]`` float32 by falling score, detached, n <= ``max_per_img``.
        """
        options = options or self.test_options
        logits, deltas, anchors = (output.detach() for output in outputs)
        return [
            rpn_proposals(scores, moves, anchors, shape, **options)[0]
            for scores, moves, shape in zip(logits.float().sigmoid(), deltas, shapes, strict=True)
        ]
