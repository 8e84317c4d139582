"""Grad-CAM."""

from torch import Tensor

from wsod_mm.functional.cam_methods import grad_cam_weights

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['GradCAM']


class GradCAM(BaseCAM):
    """Grad-CAM (Selvaraju et al.): channels weighted by the mean of their gradients."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return grad_cam_weights(maps.activations, maps.gradients)[:, :, None, None] * maps.activations
