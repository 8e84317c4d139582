"""RoI head of the MIL detectors: pools, predicts, mines, refines."""

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads.base_roi_head import BaseRoIHead
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor

from wsod_mm.functional.select_rows import collect_rows
from wsod_mm.models.bbox_heads import MILOutput
from wsod_mm.models.roi_heads.prediction import PredictionMixin
from wsod_mm.models.roi_heads.refinement import RefinementMixin
from wsod_mm.models.roi_heads.views import ViewGroup, arrange_views, pool_views, view_group
from wsod_mm.registry import MODELS, TASK_UTILS

__all__ = ['WeakRoIHead', 'labels_on_host']


@MODELS.register_module()
class WeakRoIHead(PredictionMixin, RefinementMixin, BaseRoIHead):
    """WSDDN, ContextLocNet, OICR, PCL, MIST and CASD, by what it is made of.

    Independent sets of parts, each behind one contract, make the algorithm: predictors (``bbox_head``,
    ``refine_heads``, ``reg_heads``, ``fast_rcnn``), a ``miner``, losses, and the extras of CASD. Changing a part is a
    line of config. Used in MMDetection's ``FastRCNN`` (one view of each image) or in ``MultiViewFastRCNN``.

    Args:
        bbox_roi_extractor: RoI pooling; ``RingRoIExtractor`` for a predictor that looks around the box.
        shared_head: RoI features to vectors (fc6, fc7).
        bbox_head: MIL predictor that returns :class:`~wsod_mm.models.bbox_heads.MILOutput`.
        loss_mil: Loss on image scores.
        refine_heads: Refinement classifiers; ``None``: MIL alone.
        miner: Seeds from scores, needed with ``refine_heads``.
        loss_refine: Loss of a branch, needed with ``refine_heads``.
        reg_heads: Box regression of every branch (``BranchBBoxHeads``); needs ``loss_bbox``.
        loss_bbox: ``CASDBBoxLoss`` (with a sampled ``loss_refine``), ``MISTBBoxLoss`` or ``FastRCNNBBoxLoss``.
        fast_rcnn: PCL's Fast R-CNN branch: ``dict(head=..., miner=..., loss_cls=..., loss_bbox=...)``, taught by the
            last refinement branch.
        inverted_attention: Erases what a branch looks at, before its loss.
        image_wise: CASD's consistency of the attention over views.
        layer_wise: CASD's consistency of the attention over feature maps; the backbone must return them.
        train_cfg: Not used; MMDetection hands it over.
        test_cfg: ``score_thr`` (1e-5), ``nms`` (``dict(type='nms', iou_threshold=.3, offset=1)``), ``max_per_img``
            (100); ``scores``: ``'mean'`` of the branches (OICR), ``'last'``, ``'first'`` (public CASD code), or
            ``'mil'``; ``boxes``: ``'decoded'`` (default with a regression) or ``'proposals'``; ``jitter``: public CASD
            code moves every proposal in every view, ``dict(scale=(.95, 1.15), shift=.05)``; default off.
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If a part lacks another one, or an option of ``test_cfg`` is unknown.
    """

    def __init__(
        self,
        bbox_roi_extractor: dict,
        shared_head: dict,
        bbox_head: dict,
        loss_mil: dict,
        refine_heads: dict | None = None,
        miner: dict | None = None,
        loss_refine: dict | None = None,
        reg_heads: dict | None = None,
        loss_bbox: dict | None = None,
        fast_rcnn: dict | None = None,
        inverted_attention: dict | None = None,
        image_wise: dict | None = None,
        layer_wise: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            bbox_roi_extractor=bbox_roi_extractor,
            bbox_head=bbox_head,
            shared_head=shared_head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            init_cfg=init_cfg,
        )
        self.loss_mil = MODELS.build(loss_mil)
        self.refine_heads = self.miner = self.loss_refine = self.reg_heads = self.loss_bbox = None
        self.fast_rcnn = self.inverted_attention = self.image_wise = self.layer_wise = None
        if refine_heads is not None:
            if miner is None or loss_refine is None:
                raise ValueError('refine_heads need a miner and a loss_refine; add both to the config')
            self.refine_heads = MODELS.build(refine_heads)
            self.miner = TASK_UTILS.build(miner)
            self.loss_refine = MODELS.build(loss_refine)
        self.build_refinement_parts(
            reg_heads=reg_heads,
            loss_bbox=loss_bbox,
            fast_rcnn=fast_rcnn,
            inverted_attention=inverted_attention,
            image_wise=image_wise,
            layer_wise=layer_wise,
        )
        self.read_test_cfg()

    def init_bbox_head(self, bbox_roi_extractor: dict, bbox_head: dict) -> None:
        """Build the RoI extractor and the MIL predictor."""
        self.bbox_roi_extractor = MODELS.build(bbox_roi_extractor)
        self.bbox_head = MODELS.build(bbox_head)

    def init_mask_head(self, *args, **kwargs) -> None:
        """Refuse a mask head: there are no masks to learn from.

        Raises:
            ValueError: Always.
        """
        raise ValueError('WeakRoIHead has no mask head; remove mask_head from the config')

    def init_assigner_sampler(self) -> None:
        """Nothing to build: the refinement loss assigns and samples."""

    def forward(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: SampleList | None = None,
    ) -> tuple[MILOutput, list[Tensor]]:
        """Pool and score the proposals of a batch.

        Args:
            x: Feature maps ``[N, C', H, W]``; RoIs are pooled from the last one.
            rpn_results_list: Proposals of each image, ``bboxes [R_n, 4]`` in network-input pixels.
            batch_data_samples: Not used; part of MMDetection's interface.

        Returns:
            Output of the MIL predictor, and the K refinement probabilities ``[sum R_n, C + 1]``.
        """
        boxes = [proposals.bboxes for proposals in rpn_results_list]
        features = self.roi_features(x, boxes, self.bbox_head.rings)
        mil = self.bbox_head(features, [len(b) for b in boxes])
        return mil, self.refine_heads(features[0]) if self.refine_heads is not None else []

    def roi_features(self, x: tuple[Tensor, ...], boxes: list[Tensor], rings: tuple[str, ...]) -> tuple[Tensor, ...]:
        """Vectors of the proposals: per ring ``[sum R_n, D]``."""
        return tuple(self.shared_head(p) for p in self.bbox_roi_extractor.pool_rings(x[-1:], bbox2roi(boxes), rings))

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Losses of one view of each image; see :meth:`loss_views`.

        Args:
            x: Feature maps ``[N, C', H, W]``.
            rpn_results_list: Proposals of each image, in network-input pixels.
            batch_data_samples: Image labels: ``gt_label.score [C]`` multi-hot, optional ``gt_label.weight [C]``.
        """
        group = view_group(x, batch_data_samples)._replace(boxes=[p.bboxes for p in rpn_results_list])
        return self.loss_views([group], batch_data_samples)

    def loss_views(self, groups: Sequence[ViewGroup], batch_data_samples: SampleList) -> dict[str, Tensor]:
        """Image-level loss and the losses of the refinement branches, over all views of all images.

        Every loss is a mean over images and views. Branches are taught by the mean scores over the views and by boxes
        in the coordinates of the first view; all views share the labels.

        Args:
            groups: The views, the same proposals in each of an image.
            batch_data_samples: One per image: ``gt_label.score [C]`` multi-hot, optional ``gt_label.weight [C]``.

        Returns:
            ``loss_mil``, ``loss_refine1`` .. ``K`` and what else the parts give (``loss_bbox1``, ``loss_iw``, ...), and
            the monitors ``fg_ratio1`` .. ``K``: the share of proposals that the seeds make foreground.
        """
        images = arrange_views(groups, len(batch_data_samples))
        pooled = pool_views(self.bbox_roi_extractor, groups, self.bbox_head.rings, len(images))
        pooled = (collect_rows(pooled[0]), *pooled[1:])  # branches take a few of its rows
        features = tuple(self.shared_head(p) for p in pooled)
        views = images[0].num_views
        mil = self.bbox_head(features, [image.num_proposals for image in images for _ in range(views)])
        labels = torch.stack([sample.gt_label.score for sample in batch_data_samples])
        weights = [sample.gt_label.get('weight') for sample in batch_data_samples]
        if all(w is None for w in weights):
            weight = None
        else:
            weight = torch.stack([torch.ones_like(labels[0]) if w is None else w for w in weights])
            weight = weight.repeat_interleave(views, dim=0)
        scores = getattr(mil, self.loss_mil.source)
        losses = {'loss_mil': self.loss_mil(scores, labels.repeat_interleave(views, dim=0), weight)}
        if self.refine_heads is not None:
            # parts around the box teach the MIL predictor only; their features are not needed any more
            present = labels_on_host(batch_data_samples, labels)
            losses.update(self.refinement_losses(groups, images, pooled[0], features[0], mil.scores, present))
        return losses


def labels_on_host(samples: SampleList, labels: Tensor) -> Tensor:
    """``[N, C]`` labels on the CPU, where our pipelines left them, so that miners need not ask the device.

    Args:
        samples: With or without the meta information ``image_labels``.
        labels: ``[N, C]`` on the device, the answer where it is missing.
    """
    present = [sample.metainfo.get('image_labels') for sample in samples]
    if labels.device.type == 'cpu' or any(classes is None for classes in present):
        return labels
    host = torch.zeros(labels.shape)
    for row, classes in zip(host, present, strict=True):
        row[classes] = 1
    return host
