"""Grad-CAM++."""

from typing import Any

from torch import Tensor, nn

from wsod_mm.functional.cam_methods import grad_cam_plusplus_weights

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps
from ..scorers import ModelScorer

__all__ = ['GradCAMPlusPlus']


class GradCAMPlusPlus(BaseCAM):
    """Grad-CAM++ (Chattopadhyay et al.): channels weighted by positive gradients, those of rare cells more.

    Args:
        model: See :class:`~wsod_mm.explain.base_cam.BaseCAM`.
        *args: See there.
        dialect: ``'grad-cam'`` or ``'torch-cam'``, see
            :func:`~wsod_mm.functional.cam_methods.grad_cam_plusplus_weights`.
        **kwargs: See there.
    """

    def __init__(self, model: nn.Module | ModelScorer, *args: Any, dialect: str = 'grad-cam', **kwargs: Any) -> None:
        super().__init__(model, *args, **kwargs)
        self.dialect = dialect

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        weights = grad_cam_plusplus_weights(maps.activations, maps.gradients, self.dialect)
        return weights[:, :, None, None] * maps.activations
