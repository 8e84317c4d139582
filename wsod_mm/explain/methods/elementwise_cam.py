"""Grad-CAM element by element."""

from torch import Tensor

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['GradCAMElementWise']


class GradCAMElementWise(BaseCAM):
    """Grad-CAM element by element: positive products of activation and gradient."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return (maps.gradients * maps.activations).relu()
