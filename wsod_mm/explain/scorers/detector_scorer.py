"""What all kinds of detectors have in common as something to explain."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from ..evaluating import evaluating
from ..raw_detections import RawDetections
from .det_sample import DetSample
from .model_scorer import ModelScorer

__all__ = ['DetectorScorer']


class DetectorScorer(ModelScorer):
    """Runs a detector so that gradients pass from the scores of boxes to the image.

    MMDetection's ``predict`` does not let them pass. Default layers are all outputs of the neck: which level of a
    pyramid a box is found on depends on its size.
    """

    detects = True

    def default_layers(self) -> tuple[str, ...]:
        """All outputs of the neck, else of the backbone."""
        return ('neck',) if self.model.with_neck else ('backbone',)

    def prepare(self, inputs: Tensor, samples: Sequence[DetDataSample | DetSample | None] | None) -> list[DetSample]:
        """See :meth:`ModelScorer.prepare`.

        Args:
            inputs: ``[B, 3, H, W]``, preprocessed.
            samples: As the data preprocessor gives them, or with ``boxes`` of one's own; ``None``: whole inputs. They
                are not changed.

        Returns:
            One entry per image.
        """
        given = super().prepare(inputs, samples)
        shape = tuple(inputs.shape[-2:])
        return [_complete(sample, shape) for sample in given]

    def detect(self, inputs: Tensor, samples: Sequence[DetDataSample | DetSample | None] | None) -> list[InstanceData]:
        """What the detector finds, with its own thresholds.

        Args:
            inputs: ``[B, 3, H, W]``, preprocessed.
            samples: As for :meth:`prepare`.

        Returns:
            ``bboxes``, ``scores`` and ``labels`` per image, in pixels of the network input.
        """
        given = DetectorScorer.prepare(self, inputs, samples)
        with evaluating(self.model), torch.no_grad():
            found = self.model.predict(
                inputs.detach().clone(), [each.data_sample.new() for each in given], rescale=False
            )
        return [sample.pred_instances for sample in found]

    def forward(self, inputs: Tensor, samples: Sequence[DetSample]) -> list[RawDetections]:
        """See :meth:`ModelScorer.forward`."""
        raise NotImplementedError

    def flip(self, sample: DetSample, width: int) -> DetSample:
        """The entry of the image mirrored at ``width``."""
        return sample if sample.boxes is None else sample._replace(boxes=self.flip_boxes(sample.boxes, width))

    @staticmethod
    def flip_boxes(boxes: Tensor, width: int) -> Tensor:
        """Mirrored boxes ``[R, 4]``."""
        return torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], dim=1)


def _complete(sample: DetDataSample | DetSample | None, shape: tuple[int, int]) -> DetSample:
    boxes = None
    if isinstance(sample, DetSample):
        sample, boxes = sample
    known = {} if sample is None else sample.metainfo
    size = tuple(known.get('img_shape', shape))[:2]
    meta = dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0), batch_input_shape=shape, pad_shape=shape)
    new = DetDataSample() if sample is None else sample.new()
    new.set_metainfo({key: value for key, value in meta.items() if key not in known})
    return DetSample(new, None if boxes is None else boxes.detach().clone())
