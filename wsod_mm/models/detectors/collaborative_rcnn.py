"""Collaborative Learning: a weakly supervised detector and a Faster R-CNN that share all but their last layers."""

from __future__ import annotations

import torch
from mmdet.models.detectors import TwoStageDetector
from mmdet.structures import SampleList
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from wsod_mm.functional.boxes import flip_boxes_inclusive
from wsod_mm.models.bbox_heads import MILOutput
from wsod_mm.models.roi_heads.postprocess import restore_boxes
from wsod_mm.registry import MODELS
from wsod_mm.utils.known_options import known_options

__all__ = ['CollaborativeRCNN']

BRANCHES = ('strong', 'weak', 'both')
PROPOSAL_TRAINING = dict(nms_pre=12000, max_per_img=2000)


@MODELS.register_module()
class CollaborativeRCNN(TwoStageDetector):
    """Weak branch D_W (WSDDN on proposals) and strong branch D_S (Faster R-CNN) of Collaborative Learning.

    The body and ``roi_head.shared_head`` (fc6, fc7) are common to both, and both losses reach them; the last layers of
    a branch get a gradient from the losses of their branch alone. D_W is taught by image labels, D_S by pseudo ground
    truth that D_W makes in the same step (in training mode, so with dropout).

    Source: Wang et al., IJCAI 2018, and the authors' public code, whose losses differ; the code's are the default.

    In training it waits for the device once an image: the number of RPN proposals that NMS leaves is not known before.

    Args:
        backbone: Body; the last of its feature maps is used.
        rpn_head: ``BootstrapRPNHead``.
        roi_head: ``CollaborativeRoIHead``.
        train_cfg: ``rpn`` and ``rcnn``, see the heads; ``rpn_proposal``: ``nms_pre`` (12000), ``max_per_img`` (2000),
            ``nms`` (``dict(iou_threshold=.7)``).
        test_cfg: ``rpn`` and ``rcnn``, see the heads; ``branch``: ``'strong'`` (default; needs no proposals),
            ``'weak'`` or ``'both'``; ``weak_flip`` (True): average the scores of the weak branch over the image and its
            mirror image.
        consistency: ``'bootstrap'`` (public code) or ``'pairwise'`` (paper), see ``CollaborativeRoIHead``.
        rpn_weight_order: ``'aligned'`` or ``'reference'`` (published numbers), see ``BootstrapRPNHead``.
        beta: Trust of the strong branch in pseudo labels. (The head's own ``beta``, if given, counts more; likewise
            for ``consistency``, ``rpn_weight_order`` and ``hard``.)
        hard: Whether bootstrapping takes decisions or probabilities.
        teacher: A detector (``FastRCNN`` with ``WeakRoIHead``) that makes the pseudo ground truth in place of the weak
            branch. It is frozen, nothing trains the weak branch, and the teacher's scores are the predictions of the
            weak branch: the cascade of the paper's ablation (CS_S). Its weights come by its ``init_cfg``, or by a
            checkpoint of stage 1 (with a MIL predictor at ``roi_head.bbox_head``) that is loaded into this detector.
        **kwargs: See ``mmdet.models.detectors.TwoStageDetector``.

    Raises:
        ValueError: If an option is unknown or out of range.
    """

    def __init__(
        self,
        backbone: dict,
        rpn_head: dict,
        roi_head: dict,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        consistency: str = 'bootstrap',
        rpn_weight_order: str = 'aligned',
        beta: float = 0.8,
        hard: bool = True,
        teacher: dict | None = None,
        **kwargs,
    ) -> None:
        train_cfg = known_options(train_cfg, dict(rpn=None, rpn_proposal=None, rcnn=None), 'train_cfg')
        test_cfg = known_options(test_cfg, dict(branch='strong', weak_flip=True, rpn=None, rcnn=None), 'test_cfg')
        if test_cfg['branch'] not in BRANCHES:
            raise ValueError(f'test_cfg.branch must be one of {BRANCHES}, got {test_cfg["branch"]!r}')
        common = dict(beta=beta, hard=hard)
        super().__init__(
            backbone=backbone,
            rpn_head=ConfigDict({**common, 'weight_order': rpn_weight_order, **rpn_head}),
            roi_head=ConfigDict({**common, 'consistency': consistency, **roi_head}),
            train_cfg=ConfigDict(train_cfg),
            test_cfg=ConfigDict(test_cfg),
            **kwargs,
        )
        self.training_proposals = self.rpn_head.proposal_options(
            {**PROPOSAL_TRAINING, **(train_cfg['rpn_proposal'] or {})}, 'train_cfg.rpn_proposal'
        )
        self.teacher = None
        if teacher is not None:
            unused = dict(train_cfg=dict(rcnn=dict()), test_cfg=dict(rcnn=dict()))  # FastRCNN wants them
            self.teacher = MODELS.build(ConfigDict({**unused, **teacher}))
            self.teacher.requires_grad_(False)
            self.roi_head.weak_head.requires_grad_(False)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        # a checkpoint of stage 1 is the teacher's, too; ImageNet weights, which have no fc_det, are not
        start = f'{prefix}teacher.'
        if (
            self.teacher is not None
            and f'{prefix}roi_head.bbox_head.fc_det.weight' in state_dict
            and not any(key.startswith(start) for key in state_dict)
        ):
            state_dict.update({start + key.removeprefix(prefix): value for key, value in state_dict.items()})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def train(self, mode: bool = True) -> CollaborativeRCNN:
        """Switch the mode; a teacher never trains."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of both branches.

        Args:
            batch_inputs: ``[N, 3, H, W]``.
            batch_data_samples: ``gt_label.score`` and ``proposals`` of each image; boxes in them are not looked at.

        Returns:
            ``loss_wsddn`` (not with a teacher), ``loss_cls``, ``loss_bbox``, ``loss_rpn_cls``, ``loss_rpn_bbox``, means
            over the images; and the monitors ``num_pseudo_gt``, ``mean_pseudo_weight``, ``num_fg_rois`` and
            ``weak_img_acc``.

        Raises:
            ValueError: If an image has no proposals.
        """
        boxes = _proposals(batch_data_samples)
        shapes = [sample.metainfo['img_shape'][:2] for sample in batch_data_samples]
        x = self.extract_feat(batch_inputs)
        mil = self._weak_output(batch_inputs, x, boxes)
        losses = {} if self.teacher is not None else self.roi_head.weak_loss(mil, batch_data_samples)
        seeds, monitors = self.roi_head.mine(mil, boxes, batch_data_samples)
        outputs = self.rpn_head(x)
        losses.update(self.rpn_head.loss(outputs, seeds, shapes))
        rois = self.rpn_head.proposals(outputs, shapes, self.training_proposals)
        losses.update(self.roi_head.strong_loss(x, rois, seeds, boxes, mil.scores))
        return losses | monitors

    def _weak_output(self, batch_inputs: Tensor, x: tuple[Tensor, ...] | None, boxes: list[Tensor]) -> MILOutput:
        """The weak branch, or the teacher in its place."""
        if self.teacher is None:
            return self.roi_head(self.extract_feat(batch_inputs) if x is None else x, boxes)
        with torch.no_grad():
            maps = self.teacher.extract_feat(batch_inputs)
            return self.teacher.roi_head(maps, [InstanceData(bboxes=b) for b in boxes])[0]

    def predict(self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True) -> SampleList:
        """Detect objects with the branch of ``test_cfg.branch``.

        Args:
            batch_inputs: ``[N, 3, H, W]``.
            batch_data_samples: Meta information; the weak branch needs ``proposals``, the strong one does not look at
                them. Annotations are not looked at.
            rescale: Return boxes in the pixels of the original image.

        Returns:
            The samples with ``pred_instances`` and ``top1_instances`` (the best box of every class, for CorLoc); with
            ``'both'`` these are the strong branch's, and ``weak_pred_instances`` and ``weak_top1_instances`` the weak
            one's.

        Raises:
            ValueError: If the weak branch is asked for and an image has no proposals.
        """
        branch = self.test_cfg.branch
        x = self.extract_feat(batch_inputs)
        if branch != 'weak':
            shapes = [sample.metainfo['img_shape'][:2] for sample in batch_data_samples]
            rois = self.rpn_head.proposals(self.rpn_head(x), shapes)
            _attach(batch_data_samples, self.roi_head.predict_strong(x, rois, batch_data_samples, rescale))
        if branch != 'strong':
            results = []
            boxes = _proposals(batch_data_samples)
            for sample, its_boxes, scores in zip(
                batch_data_samples, boxes, self.weak_scores(batch_inputs, x, batch_data_samples), strict=True
            ):
                shown = restore_boxes(its_boxes, sample.metainfo) if rescale else its_boxes
                results.append(self.roi_head.detections(shown, scores))
            _attach(batch_data_samples, results, 'weak_' if branch == 'both' else '')
        return batch_data_samples

    def weak_scores(
        self, batch_inputs: Tensor, x: tuple[Tensor, ...] | None, batch_data_samples: SampleList
    ) -> list[Tensor]:
        """Scores of the proposals by the weak branch, averaged over the mirror image if ``test_cfg`` says so.

        Source: public code (Collaborative Learning), which mirrors the network's input and RoIs, too.

        Args:
            batch_inputs: ``[N, 3, H, W]``.
            x: Its feature maps; ``None``: they are computed.
            batch_data_samples: With ``proposals``.

        Returns:
            ``[R_n, C]`` float32 of each image.
        """
        boxes = _proposals(batch_data_samples)
        scores = self._weak_output(batch_inputs, x, boxes).scores
        if not self.test_cfg.weak_flip:
            return scores
        widths = [sample.metainfo['img_shape'][1] for sample in batch_data_samples]
        mirrored = batch_inputs.clone()
        for image, width in zip(mirrored, widths, strict=True):  # the padding stays where it is
            image[..., :width] = image[..., :width].flip(-1)
        boxes = [flip_boxes_inclusive(b, width) for b, width in zip(boxes, widths, strict=True)]
        again = self._weak_output(mirrored, None, boxes).scores
        return [(one + other) / 2 for one, other in zip(scores, again, strict=True)]

    def _forward(self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None) -> tuple:
        """Raw outputs: those of the RPN, and of the last layers of the strong branch on its proposals."""
        x = self.extract_feat(batch_inputs)
        outputs = self.rpn_head(x)
        whole = tuple(batch_inputs.shape[-2:])
        shapes = [whole] * len(batch_inputs)
        if batch_data_samples is not None:
            shapes = [sample.metainfo.get('img_shape', whole)[:2] for sample in batch_data_samples]
        rois = self.rpn_head.proposals(outputs, shapes)
        return (*outputs[:2], *self.roi_head.bbox_head(self.roi_head.roi_features(x, rois)))


def _proposals(samples: SampleList) -> list[Tensor]:
    """Boxes of the proposals of each image.

    Raises:
        ValueError: If there are none.
    """
    for sample in samples:
        if sample.get('proposals') is None or len(sample.proposals.bboxes) == 0:
            raise ValueError(
                f'image {sample.metainfo.get("img_path")} has no proposals, which the weak branch needs; add '
                "LoadWeakProposals to the pipeline, or test with test_cfg.branch='strong'"
            )
    return [sample.proposals.bboxes for sample in samples]


def _attach(samples: SampleList, results: list[tuple[InstanceData, InstanceData]], prefix: str = '') -> None:
    for sample, (detections, top) in zip(samples, results, strict=True):
        sample.set_field(detections, f'{prefix}pred_instances', dtype=InstanceData)
        sample.set_field(top, f'{prefix}top1_instances', dtype=InstanceData)
