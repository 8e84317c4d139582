"""Hide-and-Seek for batches of training images."""

import torch
from mmdet.structures import SampleList
from torch import Tensor, nn

from wsod_mm.functional.hide_and_seek import hide_patches, patch_grid
from wsod_mm.registry import MODELS

__all__ = ['HideAndSeek']


@MODELS.register_module()
class HideAndSeek(nn.Module):
    """Blank random patches of normalised images with their mean colour; labels stay.

    ``DetDataPreprocessor(batch_augments=[dict(type='wsod_mm.HideAndSeek')])`` applies it in training only.

    Source: Kumar Singh and Lee, "Hide-and-Seek"; specs/cam.md 5.

    Args:
        grid_size: Side of a patch in pixels.
        drop_rate: Probability of a patch.
        compat: The reference's bug on images that are not square.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, grid_size: int = 4, drop_rate: float = 0.5, compat: bool = False) -> None:
        super().__init__()
        if grid_size < 1 or not 0 <= drop_rate <= 1:
            raise ValueError(f'grid_size={grid_size} must be at least 1 and drop_rate={drop_rate} in [0, 1]')
        self.grid_size = grid_size
        self.drop_rate = drop_rate
        self.compat = compat

    def forward(self, inputs: Tensor, data_samples: SampleList) -> tuple[Tensor, SampleList]:
        """Hide patches.

        Args:
            inputs: ``[N, C, H, W]`` float, normalised and padded.
            data_samples: One per image; not changed.

        Returns:
            Both.
        """
        grid = patch_grid(*inputs.shape[2:], self.grid_size, self.compat)
        draws = torch.rand(len(inputs), *grid, device=inputs.device)
        return hide_patches(inputs, draws, self.grid_size, self.drop_rate, self.compat), data_samples
