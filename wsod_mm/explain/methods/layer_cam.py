"""LayerCAM."""

from torch import Tensor

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['LayerCAM']


class LayerCAM(BaseCAM):
    """LayerCAM (Jiang et al.): every cell weighted by its own positive gradient."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return maps.gradients.relu() * maps.activations
