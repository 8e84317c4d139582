"""DETR and its relatives."""

from collections.abc import Sequence

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from torch import Tensor

from ..raw_detections import RawDetections
from .det_sample import DetSample
from .detector_scorer import DetectorScorer

__all__ = ['QueryScorer']


class QueryScorer(DetectorScorer):
    """Detectors with queries, MMDetection's ``DetectionTransformer``: the queries of the last decoder layer are the
    rows."""

    def forward(self, inputs: Tensor, samples: Sequence[DetSample]) -> list[RawDetections]:
        """See :meth:`ModelScorer.forward`."""
        model = self.model
        data_samples = [sample.data_sample for sample in samples]
        states = model.forward_transformer(model.extract_feat(inputs), data_samples)
        logits, boxes = (layers[-1] for layers in model.bbox_head(**states)[:2])  # [B, Q, K or K + 1], [B, Q, 4]
        logits = logits.float()
        if model.bbox_head.loss_cls.use_sigmoid:
            scores = logits.sigmoid()
        else:  # the last column is "no object"
            scores, logits = logits.softmax(-1)[..., :-1], logits[..., :-1]
        outputs = []
        for i, sample in enumerate(data_samples):
            height, width = sample.metainfo['img_shape'][:2]
            scale = boxes.new_tensor([width, height, width, height])
            corners = bbox_cxcywh_to_xyxy(boxes[i]) * scale
            corners = torch.minimum(corners.clamp(min=0), scale)
            outputs.append(RawDetections.of_table(corners, scores[i], logits[i]))
        return outputs
