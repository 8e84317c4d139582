"""The score of a class in a region."""

from operator import index

from torch import Tensor

__all__ = ['MaskTarget']


class MaskTarget:
    """Score of a class summed over the pixels of a mask, for semantic segmentation.

    Args:
        category: 0-based class.
        mask: ``[h, w]`` of the size of the model's output; bool, or float weights.
    """

    def __init__(self, category: int, mask: Tensor) -> None:
        self.category = index(category)
        self.mask = mask

    def __call__(self, output: Tensor) -> Tensor:
        """The score.

        Args:
            output: ``[K, h, w]``.

        Returns:
            0-d.

        Raises:
            ValueError: Output and mask do not fit, or there is no such class.
        """
        if output.dim() != 3 or output.shape[1:] != self.mask.shape or not 0 <= self.category < len(output):
            raise ValueError(
                f'class {self.category} in a mask {tuple(self.mask.shape)} does not fit the output '
                f'{tuple(output.shape)}; give a class of it and a mask [h, w] of its size'
            )
        return (output[self.category] * self.mask.to(output)).sum()

    def flip(self, width: int) -> 'MaskTarget':
        """The same in the mirrored image."""
        return MaskTarget(self.category, self.mask.flip(-1))
