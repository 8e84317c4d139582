"""HiResCAM."""

from torch import Tensor

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['HiResCAM']


class HiResCAM(BaseCAM):
    """HiResCAM (Draelos and Carin): every cell weighted by its own gradient."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return maps.gradients * maps.activations
