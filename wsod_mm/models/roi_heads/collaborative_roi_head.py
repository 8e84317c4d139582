"""RoI head of Collaborative Learning: two branches behind one fc6 and fc7."""

from collections.abc import Sequence

import torch
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.pairwise_consistency import pairwise_consistency
from wsod_mm.functional.proposal_targets import ProposalTargets, RoISamples, proposal_targets, sample_rois
from wsod_mm.functional.refinement import nearest_seeds
from wsod_mm.functional.strong_losses import roi_bbox_loss, roi_cls_loss
from wsod_mm.functional.two_branch_detection import best_detections, strong_boxes
from wsod_mm.models.bbox_heads import MILOutput
from wsod_mm.models.roi_heads.postprocess import restore_boxes, top1_per_class
from wsod_mm.models.roi_heads.weak_roi_head import labels_on_host
from wsod_mm.registry import MODELS, TASK_UTILS
from wsod_mm.utils.known_options import known_options, nms_threshold

__all__ = ['CollaborativeRoIHead']

CONSISTENCIES = ('bootstrap', 'pairwise')
TRAIN_OPTIONS = dict(num=256, pos_fraction=0.25, pos_iou_thr=0.5, neg_iou_thr=(0.0, 0.5))
TEST_OPTIONS = dict(score_thr=0.0, nms=dict(iou_threshold=0.3), max_per_img=100)

Detections = tuple[InstanceData, InstanceData]


@MODELS.register_module()
class CollaborativeRoIHead(BaseModule):
    """Weak branch (WSDDN) and strong branch (Fast R-CNN) with the same RoI pooling and the same ``shared_head``.

    A checkpoint of stage 1 (:class:`~wsod_mm.models.roi_heads.WeakRoIHead` with a ``WSDDNHead``) can be loaded as it
    is: its MIL predictor, there called ``bbox_head``, becomes ``weak_head``.

    Args:
        bbox_roi_extractor: RoI pooling of both branches.
        shared_head: RoI features to vectors (fc6, fc7).
        weak_head: MIL predictor that returns :class:`~wsod_mm.models.bbox_heads.MILOutput` and looks at the box alone.
        bbox_head: ``StrongBBoxHead``.
        loss_mil: Loss on image scores.
        miner: Pseudo ground truth from scores; ``None``: ``PseudoGTMiner``.
        consistency: ``'bootstrap'``: losses on sampled RoIs with a bootstrapped cross entropy (public code).
            ``'pairwise'``: every sampled RoI is compared with every proposal that overlaps it (paper); each sum is
            divided by the number of pairs.
        beta: Trust in the pseudo labels, or the share of ``CP_inter`` in the pairwise loss.
        hard: Whether bootstrapping takes decisions or probabilities.
        pair_iou_thr: Pairs have IoU > this.
        stds: Standard deviations of the deltas of the strong branch.
        train_cfg: ``num`` (256) sampled RoIs, ``pos_fraction`` (.25), ``pos_iou_thr`` (.5), ``neg_iou_thr``
            ((0, .5)).
        test_cfg: ``score_thr`` (0), ``nms`` (``dict(iou_threshold=.3)``), ``max_per_img`` (100), for both branches.
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If an option is unknown or out of range.
    """

    def __init__(
        self,
        bbox_roi_extractor: dict,
        shared_head: dict,
        weak_head: dict,
        bbox_head: dict,
        loss_mil: dict,
        miner: dict | None = None,
        consistency: str = 'bootstrap',
        beta: float = 0.8,
        hard: bool = True,
        pair_iou_thr: float = 0.5,
        stds: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if consistency not in CONSISTENCIES:
            raise ValueError(f'consistency must be one of {CONSISTENCIES}, got {consistency!r}')
        self.bbox_roi_extractor = MODELS.build(bbox_roi_extractor)
        self.shared_head = MODELS.build(shared_head)
        self.weak_head = MODELS.build(weak_head)
        self.bbox_head = MODELS.build(bbox_head)
        self.loss_mil = MODELS.build(loss_mil)
        self.miner = TASK_UTILS.build(miner or dict(type='PseudoGTMiner'))
        if self.weak_head.num_classes != self.bbox_head.num_classes:
            raise ValueError(
                f'both branches need the same classes, got num_classes={self.weak_head.num_classes} in weak_head and '
                f'{self.bbox_head.num_classes} in bbox_head'
            )
        if tuple(self.weak_head.rings) != ('roi',):
            raise ValueError(f'weak_head looks at {self.weak_head.rings}; use a WSDDNHead')
        self.consistency, self.beta, self.hard = consistency, beta, hard
        self.pair_iou_thr, self.stds = pair_iou_thr, tuple(stds)
        self.train_options = known_options(train_cfg, TRAIN_OPTIONS, 'train_cfg.rcnn')
        options = known_options(test_cfg, TEST_OPTIONS, 'test_cfg.rcnn')
        self.test_options = dict(
            score_thr=options['score_thr'],
            nms_iou=nms_threshold(options['nms'], 'test_cfg.rcnn.nms'),
            max_per_img=options['max_per_img'],
        )

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        # a checkpoint of stage 1; only a MIL predictor has fc_det
        if f'{prefix}bbox_head.fc_det.weight' in state_dict:
            for key in [key for key in state_dict if key.startswith(f'{prefix}bbox_head.')]:
                state_dict[key.replace('bbox_head.', 'weak_head.', 1)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def roi_features(self, x: tuple[Tensor, ...], boxes: Sequence[Tensor]) -> Tensor:
        """Vectors of RoIs, for either branch.

        Args:
            x: Feature maps; the last one is pooled.
            boxes: ``[R_n, 4]`` of each image, in network-input pixels.

        Returns:
            ``[sum R_n, D]``.
        """
        return self.shared_head(self.bbox_roi_extractor(x[-1:], bbox2roi(list(boxes))))

    def forward(self, x: tuple[Tensor, ...], boxes: Sequence[Tensor]) -> MILOutput:
        """The weak branch on proposals; the arguments of :meth:`roi_features`."""
        return self.weak_head(self.roi_features(x, boxes), [len(b) for b in boxes])

    def weak_loss(self, mil: MILOutput, batch_data_samples: SampleList) -> dict[str, Tensor]:
        """Image-level loss of the weak branch.

        Args:
            mil: Output of the weak branch.
            batch_data_samples: ``gt_label.score [C]`` multi-hot, optional ``gt_label.weight [C]``.

        Returns:
            ``loss_wsddn``, a mean over the images.
        """
        labels = torch.stack([sample.gt_label.score for sample in batch_data_samples])
        weights = [sample.gt_label.get('weight') for sample in batch_data_samples]
        weight = None
        if any(w is not None for w in weights):
            weight = torch.stack([torch.ones_like(labels[0]) if w is None else w for w in weights])
        return {'loss_wsddn': self.loss_mil(getattr(mil, self.loss_mil.source), labels, weight)}

    @torch.no_grad()
    def mine(
        self, mil: MILOutput, boxes: Sequence[Tensor], batch_data_samples: SampleList
    ) -> tuple[list[Seeds], dict[str, Tensor]]:
        """Pseudo ground truth from the weak branch.

        Args:
            mil: Output of the weak branch; nothing flows back into it.
            boxes: ``[R_n, 4]``, its proposals.
            batch_data_samples: With image labels.

        Returns:
            Seeds of each image, and the monitors ``num_pseudo_gt`` (boxes an image), ``mean_pseudo_weight`` and
            ``weak_img_acc`` (share of classes, present and absent ones, that the weak branch gets right at .5).
        """
        labels = torch.stack([sample.gt_label.score for sample in batch_data_samples])
        host = labels_on_host(batch_data_samples, labels)
        seeds = [self.miner(b, s, y) for b, s, y in zip(boxes, mil.scores, host, strict=True)]
        valid, weights = (torch.cat([getattr(s, key) for s in seeds]) for key in ('valid', 'scores'))
        monitors = {
            'num_pseudo_gt': valid.sum() / len(seeds),
            'mean_pseudo_weight': (weights * valid).sum() / valid.sum().clamp(min=1),
            'weak_img_acc': ((mil.image_scores > 0.5) == (labels > 0.5)).float().mean(),
        }
        return seeds, monitors

    def strong_loss(
        self,
        x: tuple[Tensor, ...],
        rois: Sequence[Tensor],
        seeds: Sequence[Seeds],
        weak_boxes: Sequence[Tensor],
        weak_scores: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Losses of the strong branch.

        Args:
            x: Feature maps.
            rois: ``[n, 4]`` proposals of the RPN of each image.
            seeds: Pseudo ground truth of each image.
            weak_boxes: ``[R_n, 4]``, proposals of the weak branch.
            weak_scores: ``[R_n, C]``, their scores; nothing flows back into them.

        Returns:
            ``loss_cls`` and ``loss_bbox``, means over the images, 0 with a graph for an image without pseudo ground
            truth; and the monitor ``num_fg_rois`` (sampled foreground an image).
        """
        options = self.train_options
        picked, samples, targets = [], [], []
        for boxes, found in zip(rois, seeds, strict=True):
            samples.append(
                sample_rois(
                    nearest_seeds(boxes, found)[0],
                    number=options['num'],
                    fg_fraction=options['pos_fraction'],
                    fg_iou=options['pos_iou_thr'],
                    bg_iou=tuple(options['neg_iou_thr']),
                )
            )
            targets.append(proposal_targets(boxes, found, samples[-1], self.stds))
            picked.append(boxes[samples[-1].rows])
        logits, deltas = self.bbox_head(self.roi_features(x, picked))
        losses = []
        for number, outputs in enumerate(zip(logits.split(options['num']), deltas.split(options['num']), strict=True)):
            if self.consistency == 'bootstrap':
                losses.append(self._bootstrap_losses(*outputs, samples[number], targets[number]))
            else:
                weak = weak_scores[number].detach(), weak_boxes[number]
                losses.append(self._pairwise_losses(*outputs, *weak, picked[number], samples[number]))
        loss_cls, loss_bbox = (torch.stack(parts).mean() for parts in zip(*losses, strict=True))
        foreground = torch.stack([s.foreground.sum() for s in samples]).float().mean()
        return {'loss_cls': loss_cls, 'loss_bbox': loss_bbox, 'num_fg_rois': foreground}

    def _bootstrap_losses(
        self, logits: Tensor, deltas: Tensor, samples: RoISamples, targets: ProposalTargets
    ) -> tuple[Tensor, Tensor]:
        classes = targets.labels - 1  # 0-based, background -1
        columns = torch.where(classes < 0, self.bbox_head.num_classes, classes)
        return (
            roi_cls_loss(logits, columns, targets.weights, self.beta, self.hard),
            roi_bbox_loss(deltas, targets.deltas, classes.clamp(min=0), samples.foreground, targets.weights),
        )

    def _pairwise_losses(
        self,
        logits: Tensor,
        deltas: Tensor,
        weak_scores: Tensor,
        weak_boxes: Tensor,
        rois: Tensor,
        samples: RoISamples,
    ) -> tuple[Tensor, Tensor]:
        terms = pairwise_consistency(
            weak_scores,
            weak_boxes,
            logits.float().log_softmax(dim=1)[:, :-1],
            rois,
            deltas.view(len(deltas), -1, 4),
            iou_thr=self.pair_iou_thr,
            stds=self.stds,
        )
        # an image without pseudo ground truth teaches nothing, pairs or not
        factor = samples.valid.all() / terms.indicator.sum().clamp(min=1)
        cls = self.beta * terms.cp_inter + (1 - self.beta) * terms.cp_inner
        return factor * cls, factor * terms.cl_inter

    def predict_strong(
        self, x: tuple[Tensor, ...], rois: Sequence[Tensor], batch_data_samples: SampleList, rescale: bool = True
    ) -> list[Detections]:
        """Detections of the strong branch.

        Args:
            x: Feature maps.
            rois: ``[n, 4]`` proposals of the RPN of each image, in network-input pixels.
            batch_data_samples: Meta information.
            rescale: Return boxes in the pixels of the original image; they are decoded there, too.

        Returns:
            Of each image the detections, and the best box of every class for CorLoc.

        Raises:
            ValueError: If an image was mirrored: the deltas would be those of the mirror image.
        """
        mirrored = [s.metainfo.get('img_path') for s in batch_data_samples if s.metainfo.get('flip')]
        if mirrored:
            raise ValueError(
                f'the strong branch detects in plain images, {mirrored[0]} is mirrored; take RandomFlip out of the '
                'test pipeline (test_cfg.weak_flip mirrors for the weak branch)'
            )
        logits, deltas = self.bbox_head(self.roi_features(x, rois))
        counts = [len(r) for r in rois]
        results = []
        for boxes, scores, moves, sample in zip(
            rois,
            logits.float().softmax(dim=1)[:, :-1].split(counts),
            deltas.split(counts),
            batch_data_samples,
            strict=True,
        ):
            if rescale:
                boxes = restore_boxes(boxes, sample.metainfo)
            size = sample.metainfo['ori_shape' if rescale else 'img_shape'][:2]
            results.append(self.detections(strong_boxes(boxes, moves, size, self.stds), scores))
        return results

    def detections(self, boxes: Tensor, scores: Tensor) -> Detections:
        """Detections and the best box of every class.

        Args:
            boxes: ``[R, 4]``, or ``[R, C, 4]`` where every class has its own box; inclusive corners.
            scores: ``[R, C]``.
        """
        found = best_detections(boxes, scores, **self.test_options)
        names = ('bboxes', 'scores', 'labels')
        return InstanceData(**dict(zip(names, found, strict=True))), top1_per_class(boxes, scores)
