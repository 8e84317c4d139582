"""Testing of the MIL detectors: which branch scores, which boxes, what is left after NMS."""

import torch
from mmdet.structures import SampleList
from mmengine.structures import InstanceData
from torch import Tensor

from wsod_mm.functional.boxes import clip_boxes_inclusive, jitter_boxes
from wsod_mm.functional.regression import decode_boxes_inclusive
from wsod_mm.models.roi_heads.postprocess import detections_from_scores, restore_boxes, top1_per_class

__all__ = ['PredictionMixin', 'TEST_SCORES']

TEST_SCORES = ('mean', 'last', 'first', 'mil')
TEST_BOXES = ('decoded', 'proposals')


class PredictionMixin:
    """The half of :class:`~wsod_mm.models.roi_heads.WeakRoIHead` that tests."""

    def read_test_cfg(self) -> None:
        """Check the rules of ``test_cfg``.

        Raises:
            ValueError: If a rule is unknown.
        """
        cfg = self.test_cfg or {}
        known = {'score_thr', 'nms', 'max_per_img', 'scores', 'boxes', 'jitter'}
        if set(cfg) - known:
            raise ValueError(f'test_cfg has the entries {sorted(known)}, not {sorted(set(cfg) - known)}')
        for name, default, known in (('scores', 'mean', TEST_SCORES), ('boxes', 'decoded', TEST_BOXES)):
            value = cfg.get(name, default)
            if value not in known:
                raise ValueError(f'test_cfg.{name} must be one of {known}, got {value!r}')
            setattr(self, f'test_{name}', value)
        self.test_jitter = cfg.get('jitter')
        # a TTA wrapper switches this on to average the scores of the same proposals over its views
        self.keep_proposal_scores = False

    @property
    def moves_boxes(self) -> bool:
        """Whether detections are elsewhere than the proposals."""
        regresses = self.reg_heads is not None or self.fast_rcnn is not None
        return self.test_jitter is not None or (
            regresses and self.test_boxes == 'decoded' and self.test_scores != 'mil'
        )

    def _picked(self, branches: list) -> list:
        return {'last': branches[-1:], 'first': branches[:1], 'mean': branches}[self.test_scores]

    def _scores_and_deltas(self, x: tuple[Tensor, ...], boxes: list[Tensor]) -> tuple[list[Tensor], Tensor | None]:
        """Scores ``[R_n, C]`` of each image, and deltas ``[sum R_n, 4(C + 1)]`` where boxes are to be moved.

        Whatever the scores do not need is not computed: with refinement branches neither the MIL predictor nor the
        parts around the box that it looks at.
        """
        counts = [len(b) for b in boxes]
        if self.refine_heads is None or self.test_scores == 'mil':
            return self.bbox_head(self.roi_features(x, boxes, self.bbox_head.rings), counts).scores, None
        features = self.roi_features(x, boxes, ('roi',))[0]
        numbers = self._picked(list(range(len(self.refine_heads.branches))))
        scores = torch.stack([self.refine_heads.logits(features, k).float().softmax(dim=1) for k in numbers]).mean(0)
        deltas = None
        if self.reg_heads is not None:
            deltas = torch.stack([self.reg_heads(features, k).float() for k in numbers]).mean(0)
        if self.fast_rcnn is not None:
            logits, deltas = self.fast_rcnn(features)
            scores, deltas = (scores + logits.float().softmax(dim=1)) / 2, deltas.float()
        return list(scores[:, 1:].split(counts)), deltas if self.test_boxes == 'decoded' else None

    def predict(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: list[InstanceData],
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Detect objects.

        Besides the returned instances, ``top1_instances`` (``bboxes [C, 4]``, ``scores [C]``, ``labels [C]``: the best
        box of every class, without NMS or threshold, for CorLoc) is set on every data sample.

        Args:
            x: Feature maps ``[N, C', H, W]``.
            rpn_results_list: Proposals of each image, in network-input pixels.
            batch_data_samples: Meta information of the images; annotations in them are not looked at.
            rescale: Return boxes in the pixels of the original, unflipped image.

        Returns:
            Instances with ``bboxes [n, 4]``, ``scores [n]``, ``labels [n]`` (0..C-1) of each image.
        """
        proposals = [p.bboxes for p in rpn_results_list]
        shapes = [sample.metainfo['img_shape'] for sample in batch_data_samples]
        if self.test_jitter is not None:
            proposals = [jitter_boxes(b, shape, **self.test_jitter) for b, shape in zip(proposals, shapes, strict=True)]
        scores, deltas = self._scores_and_deltas(x, proposals)
        if deltas is None:
            boxes = proposals
        else:
            coding = (self.loss_bbox if self.fast_rcnn is None else self.fast_rcnn_loss_bbox).weights
            parts = deltas[:, 4:].split([len(b) for b in proposals])  # columns 0..3 are background's
            boxes = [
                clip_boxes_inclusive(decode_boxes_inclusive(b, d, coding).view(-1, 4), shape).view(
                    len(b), d.shape[1] // 4, 4
                )
                for b, d, shape in zip(proposals, parts, shapes, strict=True)
            ]
        results = []
        for image_boxes, image_scores, original, sample in zip(
            boxes, scores, rpn_results_list, batch_data_samples, strict=True
        ):
            if rescale:
                flat = restore_boxes(image_boxes.reshape(-1, 4), sample.metainfo)
                image_boxes = flat.view(image_boxes.shape)
            sample.top1_instances = top1_per_class(image_boxes, image_scores)
            if self.keep_proposal_scores:
                unmoved = restore_boxes(original.bboxes, sample.metainfo) if rescale else original.bboxes
                sample.proposal_instances = InstanceData(bboxes=image_boxes, scores=image_scores, proposals=unmoved)
            results.append(detections_from_scores(image_boxes, image_scores, self.test_cfg))
        return results
