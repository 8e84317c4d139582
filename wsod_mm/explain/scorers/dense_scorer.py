"""Single-stage detectors."""

from collections.abc import Sequence

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.structures.bbox import get_box_tensor
from mmengine.config import ConfigDict
from torch import Tensor, nn

from wsod_mm.functional.mean_logits import mean_logits
from wsod_mm.models.dense_heads.miaod_mixin import TESTS, MIAODHeadMixin

from ..raw_detections import RawDetections
from .det_sample import DetSample
from .detector_scorer import DetectorScorer

__all__ = ['DenseScorer']


class DenseScorer(DetectorScorer):
    """RetinaNet, FCOS, ATSS, SSD and others that decode as MMDetection's ``BaseDenseHead`` does, and MI-AOD's heads.

    Rows are the best pairs of place and class of every level, before non-maximum suppression. Their logits are those of
    the scores, which have centre-ness in them.

    Args:
        model: The detector.
        rows_per_level: How many rows of each level are kept.

    Raises:
        TypeError: The head decodes in another way.
    """

    def __init__(self, model: nn.Module, rows_per_level: int = 1000) -> None:
        super().__init__(model)
        self.rows_per_level = rows_per_level
        head = model.bbox_head
        if not isinstance(head, BaseDenseHead) or type(head).predict_by_feat is not BaseDenseHead.predict_by_feat:
            raise TypeError(
                f'{type(head).__name__} decodes in its own way; give a ModelScorer whose model returns its raw scores'
            )

    def forward(self, inputs: Tensor, samples: Sequence[DetSample]) -> list[RawDetections]:
        """See :meth:`ModelScorer.forward`."""
        head = self.model.bbox_head
        # in float64 a probability of 1 - 1e-9 has a logit, and a gradient
        scores, deltas, *rest = (
            [level.double() for level in levels] for levels in self._outputs(self.model.extract_feat(inputs))
        )
        factors = rest[0] if rest else [None] * len(scores)
        priors = head.prior_generator.grid_priors(
            [level.shape[-2:] for level in scores], dtype=scores[0].dtype, device=scores[0].device
        )
        cfg = ConfigDict(head.test_cfg or {}, score_thr=0.0, nms_pre=self.rows_per_level, min_bbox_size=-1)
        outputs = []
        for i, sample in enumerate(samples):
            # predict_by_feat itself detaches
            found = head._predict_by_feat_single(
                [level[i] for level in scores],
                [level[i] for level in deltas],
                [None if level is None else level[i] for level in factors],
                priors,
                sample.data_sample.metainfo,
                cfg,
                rescale=False,
                with_nms=False,
            )
            logits = torch.logit(found.scores, eps=1e-15).float()
            boxes = get_box_tensor(found.bboxes).float()
            outputs.append(RawDetections(boxes, found.labels, found.scores.float(), logits, head.num_classes))
        return outputs

    def _outputs(self, features: tuple[Tensor, ...]) -> tuple[Sequence[Tensor], ...]:
        head = self.model.bbox_head
        if not isinstance(head, MIAODHeadMixin):
            return head(features)
        *classifiers, deltas = head(features, (*TESTS[head.test_with], 'f_r'))
        scores = classifiers[0]
        if len(classifiers) == 2:
            scores = [mean_logits(*z, head.cls_out_channels, head.activation) for z in zip(*classifiers, strict=True)]
        return scores, deltas
