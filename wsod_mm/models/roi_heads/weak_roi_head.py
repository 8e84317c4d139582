"""RoI head of the MIL detectors: pools, predicts, mines, refines."""

import torch
from mmdet.models.roi_heads.base_roi_head import BaseRoIHead
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor

from wsod_mm.models.bbox_heads import MILOutput
from wsod_mm.models.roi_heads.postprocess import detections_from_scores, restore_boxes, top1_per_class
from wsod_mm.registry import MODELS, TASK_UTILS

__all__ = ['WeakRoIHead']

TEST_SCORES = ('mean', 'last', 'first', 'mil')


@MODELS.register_module()
class WeakRoIHead(BaseRoIHead):
    """WSDDN, and OICR when it has refinement branches; to be used in MMDetection's ``FastRCNN``.

    Three independent sets of parts, each behind one contract, make the algorithm: predictors (``bbox_head``,
    ``refine_heads``), a ``miner`` and losses (``loss_mil``, ``loss_refine``). Changing a part is a line of config.

    Args:
        bbox_roi_extractor: RoI pooling.
        shared_head: RoI features to vectors (fc6, fc7).
        bbox_head: MIL predictor that returns :class:`~wsod_mm.models.bbox_heads.MILOutput`.
        loss_mil: Loss on image scores.
        refine_heads: Refinement classifiers; ``None``: plain WSDDN.
        miner: Seeds from scores, needed with ``refine_heads``.
        loss_refine: Loss of a branch, needed with ``refine_heads``.
        train_cfg: Not used; MMDetection hands it over.
        test_cfg: ``score_thr`` (1e-5), ``nms`` (``dict(type='nms', iou_threshold=.3, offset=1)``), ``max_per_img``
            (100) and ``scores``: ``'mean'`` of the branches (OICR), ``'last'``, ``'first'``, or ``'mil'``.
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If refinement lacks a part, or ``test_cfg.scores`` is unknown.
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
        self.refine_heads = None
        if refine_heads is not None:
            if miner is None or loss_refine is None:
                raise ValueError('refine_heads need a miner and a loss_refine; add both to the config')
            self.refine_heads = MODELS.build(refine_heads)
            self.miner = TASK_UTILS.build(miner)
            self.loss_refine = MODELS.build(loss_refine)
        scores = self.test_cfg.get('scores', 'mean') if self.test_cfg else 'mean'
        if scores not in TEST_SCORES:
            raise ValueError(f'test_cfg.scores must be one of {TEST_SCORES}, got {scores!r}')
        self.test_scores = scores
        # a TTA wrapper switches this on to average the scores of the same proposals over its views
        self.keep_proposal_scores = False

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
        """Nothing to build: the refinement loss assigns, and all proposals are used."""

    def forward(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: SampleList | None = None,
    ) -> tuple[MILOutput, list[Tensor]]:
        """Pool and score the proposals of a batch.

        Args:
            x: Feature maps ``[N, C', H, W]``.
            rpn_results_list: Proposals of each image, ``bboxes [R_n, 4]`` in network-input pixels.
            batch_data_samples: Not used; part of MMDetection's interface.

        Returns:
            Output of the MIL predictor, and the K refinement probabilities ``[sum R_n, C + 1]``.
        """
        boxes = [proposals.bboxes for proposals in rpn_results_list]
        features = self.bbox_roi_extractor(x[: self.bbox_roi_extractor.num_inputs], bbox2roi(boxes))
        features = self.shared_head(features)
        mil = self.bbox_head(features, [len(b) for b in boxes])
        return mil, self.refine_heads(features) if self.refine_heads is not None else []

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: SampleList,
    ) -> dict[str, Tensor]:
        """Image-level loss and the losses of the refinement branches.

        Args:
            x: Feature maps ``[N, C', H, W]``.
            rpn_results_list: Proposals of each image, in network-input pixels.
            batch_data_samples: Image labels: ``gt_label.score [C]`` multi-hot, optional ``gt_label.weight [C]``.

        Returns:
            ``loss_mil``, ``loss_refine1`` .. ``K`` (means over the images), and the monitors ``fg_ratio1`` .. ``K``:
            the share of proposals that the seeds make foreground.
        """
        mil, refined = self(x, rpn_results_list)
        labels = torch.stack([sample.gt_label.score for sample in batch_data_samples])
        weights = [sample.gt_label.get('weight') for sample in batch_data_samples]
        if all(w is None for w in weights):
            weight = None
        else:
            weight = torch.stack([torch.ones_like(labels[0]) if w is None else w for w in weights])
        losses = {'loss_mil': self.loss_mil(mil.image_scores, labels, weight)}

        boxes = [proposals.bboxes for proposals in rpn_results_list]
        sources = mil.scores
        for k, probs in enumerate(refined):
            per_image = probs.split([len(b) for b in boxes])
            branch_losses, ratios = [], []
            for image_boxes, image_probs, source, image_labels in zip(boxes, per_image, sources, labels, strict=True):
                seeds = self.miner(image_boxes, source.detach(), image_labels)
                loss, assignment = self.loss_refine(image_boxes, image_probs, seeds, k)
                branch_losses.append(loss)
                ratios.append((assignment.labels > 0).float().mean())
            losses[f'loss_refine{k + 1}'] = torch.stack(branch_losses).mean()
            losses[f'fg_ratio{k + 1}'] = torch.stack(ratios).mean()
            sources = [p[:, 1:] for p in per_image]
        return losses

    def proposal_scores(self, mil: MILOutput, refined: list[Tensor]) -> list[Tensor]:
        """Final scores by the rule ``test_cfg.scores``.

        Args:
            mil: Output of the MIL predictor.
            refined: K tensors ``[sum R_n, C + 1]``, background in column 0.

        Returns:
            One ``[R_n, C]`` tensor per image.
        """
        if not refined or self.test_scores == 'mil':
            return mil.scores
        picked = {'last': refined[-1:], 'first': refined[:1], 'mean': refined}[self.test_scores]
        scores = torch.stack(picked).mean(dim=0)[:, 1:]
        return list(scores.split([len(s) for s in mil.scores]))

    def predict(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Detect objects.

        Besides the returned instances, ``top1_instances`` (``bboxes [C, 4]``, ``scores [C]``, ``labels [C]``: the best
        proposal of every class, without NMS or threshold, for CorLoc) is set on every data sample.

        Args:
            x: Feature maps ``[N, C', H, W]``.
            rpn_results_list: Proposals of each image, in network-input pixels.
            batch_data_samples: Meta information of the images; annotations in them are not looked at.
            rescale: Return boxes in the pixels of the original, unflipped image.

        Returns:
            Instances with ``bboxes [n, 4]``, ``scores [n]``, ``labels [n]`` (0..C-1) of each image.
        """
        scores = self.proposal_scores(*self(x, rpn_results_list))
        results = []
        for proposals, image_scores, sample in zip(rpn_results_list, scores, batch_data_samples, strict=True):
            boxes = restore_boxes(proposals.bboxes, sample.metainfo) if rescale else proposals.bboxes
            sample.top1_instances = top1_per_class(boxes, image_scores)
            if self.keep_proposal_scores:
                sample.proposal_instances = InstanceData(bboxes=boxes, scores=image_scores)
            results.append(detections_from_scores(boxes, image_scores, self.test_cfg))
        return results
