"""Weakly supervised detectors."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample
from torch import Tensor, nn

from wsod_mm.functional.box_cams import proposal_maps
from wsod_mm.functional.boxes import flip_boxes_inclusive
from wsod_mm.models.bbox_heads import WSDDNHead

from ..evaluating import evaluating
from ..raw_detections import RawDetections
from .det_sample import DetSample
from .detector_scorer import DetectorScorer

__all__ = ['MILScorer']


class MILScorer(DetectorScorer):
    """Detectors with a ``WeakRoIHead``: WSDDN, ContextLocNet, OICR, PCL, MIST, CASD. Rows are the proposals.

    Args:
        model: The detector.
        stream: Which scores. ``'mil'``: those of the MIL predictor; the score of a class is the mean class logit,
            weighted with the detection stream's softmax over proposals. ``'cls'``: the class stream of WSDDN alone:
            the same, but the weights have no gradient, and rows have the class logits. ``'refine'``: the mean of the
            refinement branches, ``'refine1'``, ``'refine2'``, ..: one of them; the score of a class is the sum of its
            probabilities over the proposals, rows have logits. ``None``: ``'refine'`` where there are branches, else
            ``'mil'``.

    Raises:
        ValueError: The detector has no such scores.
    """

    def __init__(self, model: nn.Module, stream: str | None = None) -> None:
        super().__init__(model)
        head = model.roi_head
        branches = 0 if head.refine_heads is None else len(head.refine_heads.branches)
        known = ['mil'] + ['cls'] * isinstance(head.bbox_head, WSDDNHead)
        known += ['refine', *(f'refine{k + 1}' for k in range(branches))] if branches else []
        self.stream = stream or ('refine' if branches else 'mil')
        if self.stream not in known:
            raise ValueError(f'stream={self.stream!r}: this detector has {", ".join(map(repr, known))}')

    def default_layers(self) -> tuple[str, ...]:
        """The last map, from which regions are pooled."""
        return ('neck[-1]',) if self.model.with_neck else ('backbone[-1]',)

    def prepare(self, inputs: Tensor, samples: Sequence[DetDataSample | DetSample | None] | None) -> list[DetSample]:
        """See :meth:`DetectorScorer.prepare`; the regions are the ``proposals`` of the data samples.

        Raises:
            ValueError: An image has no proposals.
        """
        given = super().prepare(inputs, samples)
        for i, each in enumerate(given):
            if each.boxes is None:
                if each.data_sample.get('proposals') is None or not len(each.data_sample.proposals.bboxes):
                    name = each.data_sample.metainfo.get('img_path', f'number {i}')
                    raise ValueError(f'image {name} has no proposals; this detector needs them in its data sample')
                given[i] = each._replace(boxes=each.data_sample.proposals.bboxes.detach().clone())
        return given

    def forward(self, inputs: Tensor, samples: Sequence[DetSample]) -> list[RawDetections]:
        """See :meth:`ModelScorer.forward`."""
        head = self.model.roi_head
        boxes = [sample.boxes for sample in samples]
        counts = [len(each) for each in boxes]
        rings = ('roi',) if self.stream.startswith('refine') else head.bbox_head.rings
        features = head.roi_features(self.model.extract_feat(inputs), boxes, rings)
        if self.stream == 'mil':
            mil = head.bbox_head(features, counts)
            tables = [(p, p.clamp(min=1e-12).log(), z) for p, z in zip(mil.scores, mil.raw_scores, strict=True)]
        elif self.stream == 'cls':
            tables = self._class_stream(features[0], counts)
        else:
            tables = self._refined(features[0], counts)
        return [RawDetections.of_table(each, *table) for each, table in zip(boxes, tables, strict=True)]

    def proposal_cams(self, inputs: Tensor, samples: Sequence[DetDataSample | DetSample]) -> Tensor:
        """Maps without gradients: ``sum_r p[r, c] 1_box(r)``.

        Args:
            inputs: ``[B, 3, H, W]``, preprocessed.
            samples: As for :meth:`prepare`.

        Returns:
            ``[B, C, H, W]`` float32, raw.
        """
        given = self.prepare(inputs, samples)
        with evaluating(self.model), torch.no_grad():
            outputs = self.forward(inputs.detach().clone(), given)
        size = (inputs.shape[-2], inputs.shape[-1])
        tables = [output.scores.view(-1, output.num_classes) for output in outputs]
        return torch.stack([proposal_maps(e.boxes, p, size) for e, p in zip(given, tables, strict=True)])

    @staticmethod
    def flip_boxes(boxes: Tensor, width: int) -> Tensor:
        """Mirrored proposals, whose corners are inclusive."""
        return flip_boxes_inclusive(boxes, width)

    def _class_stream(self, features: Tensor, counts: list[int]) -> list[tuple[Tensor, Tensor, Tensor]]:
        predictor = self.model.roi_head.bbox_head
        logits = predictor.fc_cls(features).float()
        tables = []
        for z, d in zip(logits.split(counts), predictor.fc_det(features).detach().float().split(counts), strict=True):
            tables.append((z.softmax(dim=1), z, (z * d.softmax(dim=0)).sum(0)))
        return tables

    def _refined(self, features: Tensor, counts: list[int]) -> list[tuple[Tensor, Tensor, Tensor]]:
        heads = self.model.roi_head.refine_heads
        number = self.stream.removeprefix('refine')
        chosen = [int(number) - 1] if number else range(len(heads.branches))
        logits = [heads.logits(features, k).float() for k in chosen]
        scores = torch.stack([z.softmax(dim=1) for z in logits]).mean(0)[:, 1:]  # column 0 is background
        mean = torch.stack(logits).mean(0)[:, 1:]
        return [(p, z, p.sum(0)) for p, z in zip(scores.split(counts), mean.split(counts), strict=True)]
