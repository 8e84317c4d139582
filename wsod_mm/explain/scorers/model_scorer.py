"""What a map is made from, for classifiers and other models of tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from torch import Tensor, nn

from ..raw_detections import RawDetections

__all__ = ['ModelScorer', 'is_linear']

_LOGITS = ('logits', 'scores', 'out')


class ModelScorer:
    """A model whose output is a tensor ``[B, K]``, or ``[B, K, h, w]`` of a segmentation.

    Of outputs that are tuples the first tensor is taken, of dicts ``'logits'``, ``'scores'`` or ``'out'``.

    Args:
        model: The model; MMEngine's are called in mode ``'tensor'``, and get data samples where there are some.
    """

    #: Whether it predicts boxes.
    detects = False

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def default_layers(self) -> tuple[str, ...]:
        """The last output of the backbone; torchvision's ``layer4`` or ``features``; the last convolution or norm."""
        for name, layer in (('backbone', 'backbone[-1]'), ('layer4', 'layer4'), ('features', 'features')):
            if isinstance(getattr(self.model, name, None), nn.Module):
                return (layer,)
        kinds = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm)
        names = [name for name, module in self.model.named_modules() if name and isinstance(module, kinds)]
        # a classifier that is a convolution is not a feature map
        names = [name for name in names if name != self._classifier_name()] or names
        if not names:
            raise ValueError(f'{type(self.model).__name__} has no convolution; name the target layers')
        return (names[-1],)

    def classifier(self) -> nn.Module:
        """The linear layer or 1x1 convolution that makes class scores of pooled features.

        Raises:
            ValueError: There is none.
        """
        name = self._classifier_name()
        if name is None:
            raise ValueError(f'{type(self.model).__name__} has no linear layer or 1x1 convolution; name the classifier')
        return self.model.get_submodule(name)

    def _classifier_name(self) -> str | None:
        modules = dict(self.model.named_modules())
        for name in ('head.fc', 'cam_head.fc', 'fc', 'head', 'classifier'):
            if is_linear(modules.get(name)):
                return name
        linear = [name for name, module in modules.items() if name and is_linear(module)]
        return linear[-1] if linear else None

    def prepare(self, inputs: Tensor, samples: Sequence[Any] | None) -> list[Any]:
        """What belongs to each image and stays the same while the image is changed.

        Args:
            inputs: ``[B, 3, H, W]``, preprocessed.
            samples: Data samples, one per image, or none.

        Returns:
            One entry per image.

        Raises:
            ValueError: The number of samples is not that of the images.
        """
        if samples is not None and len(samples) != len(inputs):
            raise ValueError(f'{len(samples)} data samples for {len(inputs)} images: give one per image')
        return [None] * len(inputs) if samples is None else list(samples)

    def forward(self, inputs: Tensor, samples: Sequence[Any]) -> Sequence[Tensor | RawDetections]:
        """Outputs of images.

        Args:
            inputs: ``[B, 3, H, W]``.
            samples: From :meth:`prepare`, one per image; the same one for copies of an image.

        Returns:
            An output per image.

        Raises:
            ValueError: The model's output has another form.
        """
        known = [sample for sample in samples if sample is not None]
        if len(known) == len(inputs) and isinstance(self.model, BaseModel):
            output = self.model(inputs, known)
        else:
            output = self.model(inputs)
        tensor = _tensor(output)
        if tensor is None or tensor.dim() not in (2, 4) or len(tensor) != len(inputs):
            shape = type(output).__name__ if tensor is None else tuple(tensor.shape)
            raise ValueError(
                f'{type(self.model).__name__} put out {shape} for {len(inputs)} images; a map needs [B, K] or '
                '[B, K, h, w]: wrap the model so that it returns that'
            )
        return tensor

    def size(self, sample: Any) -> tuple[int, int] | None:
        """(h, w) of the image inside a padded input; ``None``: all of it."""
        sample = getattr(sample, 'data_sample', sample)
        shape = sample.metainfo.get('img_shape') if isinstance(sample, DetDataSample) else None
        return None if shape is None else (int(shape[0]), int(shape[1]))

    def flip(self, sample: Any, width: int) -> Any:
        """The entry of the image mirrored at ``width``."""
        return sample


def is_linear(module: nn.Module | None) -> bool:
    """Whether a module is a linear layer or a 1x1 convolution."""
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))


def _tensor(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        return next((output[key] for key in _LOGITS if isinstance(output.get(key), Tensor)), None)
    if isinstance(output, tuple | list):
        return next((value for value in output if isinstance(value, Tensor)), None)
    return None
