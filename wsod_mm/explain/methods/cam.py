"""CAM."""

from typing import Any

import torch
from torch import Tensor, nn

from ..base_cam import BaseCAM
from ..class_target import ClassTarget
from ..explained import Explained, LayerMaps
from ..layers import find_layer
from ..scorers import ModelScorer
from ..scorers.model_scorer import is_linear

__all__ = ['CAM']


class CAM(BaseCAM):
    """Class activation maps (Zhou et al.): channels weighted by the class's row of the classifier.

    For networks that end in global average pooling and one linear layer, or a 1x1 convolution and pooling. Targets are
    classes.

    Args:
        model: See :class:`~wsod_mm.explain.base_cam.BaseCAM`.
        *args: See there.
        classifier: The linear layer or 1x1 convolution, or its name; ``None``: the last one of the model.
        **kwargs: See there.

    Raises:
        ValueError: There is no classifier.
    """

    uses_gradients = False

    def __init__(
        self, model: nn.Module | ModelScorer, *args: Any, classifier: nn.Module | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(model, *args, **kwargs)
        if self.scorer.detects:
            raise ValueError('CAM explains classifiers; take GradCAM or another method for a detector')
        if classifier is None:
            self.classifier = self.scorer.classifier()
        else:
            self.classifier = find_layer(self.scorer.model, classifier).module
        if not is_linear(self.classifier):
            raise ValueError(f'{type(self.classifier).__name__} is no linear layer or 1x1 convolution')

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        if not all(isinstance(target, ClassTarget) for target in run.targets):
            raise ValueError('targets of CAM are classes; take GradCAM for other scores')
        rows = self.classifier.weight.detach().flatten(1)
        if rows.shape[1] != maps.activations.shape[1]:
            names = ', '.join(repr(layer.name) for layer in self.layers)
            raise ValueError(
                f'the classifier takes {rows.shape[1]} channels, {names} has {maps.activations.shape[1]}; CAM needs '
                'the layer right before the pooling'
            )
        ids = torch.tensor([target.category for target in run.targets], device=rows.device)
        if int(ids.max()) >= len(rows) or int(ids.min()) < 0:
            raise ValueError(f'classes {ids.tolist()}: the classifier has classes 0 to {len(rows) - 1}')
        return rows[ids].to(maps.activations)[:, :, None, None] * maps.activations
