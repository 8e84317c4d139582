"""FeatmapAM."""

from torch import Tensor

from ..base_cam import BaseCAM
from ..explained import Explained, LayerMaps

__all__ = ['FeatmapAM']


class FeatmapAM(BaseCAM):
    """Mean over the channels (MMDetection's vis_cam); knows no class."""

    uses_gradients = False

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        return maps.activations / maps.activations.shape[1]
