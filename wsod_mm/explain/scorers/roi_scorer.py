"""Two-stage detectors, on regions that stay where they are."""

from collections.abc import Sequence

import torch
from mmdet.models.roi_heads import CascadeRoIHead
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox2roi, get_box_tensor
from torch import Tensor, nn

from ..evaluating import evaluating
from ..raw_detections import RawDetections
from .det_sample import DetSample
from .detector_scorer import DetectorScorer

__all__ = ['RoIScorer']


class RoIScorer(DetectorScorer):
    """Faster R-CNN and its relatives, with MMDetection's ``StandardRoIHead`` or ``CascadeRoIHead``.

    The regions are the boxes that the detector finds in the unchanged image, and the best proposals. Rows have those
    boxes; they are not moved by the regression. The stages of a cascade all see them, and their logits are averaged.

    Args:
        model: The detector.
        num_proposals: How many proposals are regions beside the detections.
    """

    def __init__(self, model: nn.Module, num_proposals: int = 100) -> None:
        super().__init__(model)
        self.num_proposals = num_proposals

    def prepare(self, inputs: Tensor, samples: Sequence[DetDataSample | DetSample | None] | None) -> list[DetSample]:
        """See :meth:`DetectorScorer.prepare`; finds the regions of images that have none."""
        given = super().prepare(inputs, samples)
        if all(each.boxes is not None for each in given):
            return given
        with evaluating(self.model), torch.no_grad():
            features = self.model.extract_feat(inputs.detach().clone())
            plain = [each.data_sample.new() for each in given]
            if self.model.with_rpn:
                proposals = self.model.rpn_head.predict(features, plain, rescale=False)
            else:
                proposals = [sample.proposals for sample in plain]
            found = self.model.roi_head.predict(features, proposals, plain, rescale=False)
        boxes = [
            torch.cat([get_box_tensor(a.bboxes), get_box_tensor(b.bboxes)[: self.num_proposals]])
            for a, b in zip(found, proposals, strict=True)
        ]
        return [
            each if each.boxes is not None else each._replace(boxes=regions)
            for each, regions in zip(given, boxes, strict=True)
        ]

    def forward(self, inputs: Tensor, samples: Sequence[DetSample]) -> list[RawDetections]:
        """See :meth:`ModelScorer.forward`."""
        boxes = [sample.boxes for sample in samples]
        features = self.model.extract_feat(inputs)
        logits = self._logits(features, bbox2roi(boxes))
        counts = [len(each) for each in boxes]
        # the last column is background
        scores = logits.float().softmax(dim=1)[:, :-1].split(counts)
        return [
            RawDetections.of_table(each, p, z)
            for each, p, z in zip(boxes, scores, logits.float()[:, :-1].split(counts), strict=True)
        ]

    def _logits(self, features: tuple[Tensor, ...], rois: Tensor) -> Tensor:
        head = self.model.roi_head
        if isinstance(head, CascadeRoIHead):
            stages = [head._bbox_forward(k, features, rois)['cls_score'] for k in range(head.num_stages)]
            return torch.stack(stages).mean(0)
        return head._bbox_forward(features, rois)['cls_score']
