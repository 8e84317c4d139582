"""EigenGradCAM."""

from torch import Tensor

from ..explained import Explained, LayerMaps
from .eigen_cam import EigenCAM

__all__ = ['EigenGradCAM']


class EigenGradCAM(EigenCAM):
    """EigenCAM of the products of activation and gradient, which knows the class."""

    uses_gradients = True

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return maps.gradients * maps.activations
