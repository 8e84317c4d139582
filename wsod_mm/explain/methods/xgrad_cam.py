"""XGrad-CAM."""

from torch import Tensor

from wsod_mm.functional.cam_methods import xgrad_cam_weights

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['XGradCAM']


class XGradCAM(BaseCAM):
    """XGrad-CAM (Fu et al.): channels weighted by their gradients, averaged with the activations as weights."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return xgrad_cam_weights(maps.activations, maps.gradients)[:, :, None, None] * maps.activations
