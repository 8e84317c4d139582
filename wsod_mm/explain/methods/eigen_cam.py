"""EigenCAM."""

from torch import Tensor

from wsod_mm.functional.cam_methods import eigen_cam

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['EigenCAM']


class EigenCAM(BaseCAM):
    """EigenCAM (Muhammad and Yeasin): first principal component of the channels; knows no class."""

    uses_gradients = False

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return maps.activations

    def raw_map(self, maps: LayerMaps, run: Explained, eigen_smooth: bool) -> Tensor:
        """See :meth:`BaseCAM.raw_map`."""
        if eigen_smooth:
            raise ValueError(f'{type(self).__name__} takes a principal component already; leave eigen_smooth out')
        return eigen_cam(self.weighted(maps, run))
