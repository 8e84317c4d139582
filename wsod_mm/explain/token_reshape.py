"""Maps from the tokens of transformers."""

import math

from torch import Tensor

__all__ = ['TokenReshape']


class TokenReshape:
    """Lays tokens out as a map, for ViT (with ``num_extra_tokens=1``) and Swin (0).

    Args:
        num_extra_tokens: Tokens before those of the patches, such as the class token; they are left out.
        grid: (rows, columns) of patches; ``None``: a square.

    Raises:
        ValueError: ``num_extra_tokens`` is negative.
    """

    def __init__(self, num_extra_tokens: int = 1, grid: tuple[int, int] | None = None) -> None:
        if num_extra_tokens < 0:
            raise ValueError(f'num_extra_tokens={num_extra_tokens}: must be at least 0')
        self.num_extra_tokens = num_extra_tokens
        self.grid = grid

    def __call__(self, tokens: Tensor) -> Tensor:
        """Reshape.

        Args:
            tokens: ``[B, N, C]``. Maps with channels last ``[B, h, w, C]`` are taken too where there are no extra
                tokens (torchvision's Swin).

        Returns:
            ``[B, C, h, w]``.

        Raises:
            ValueError: The tokens do not fill the grid.
        """
        if tokens.dim() == 4 and not self.num_extra_tokens:
            return tokens.permute(0, 3, 1, 2)
        if tokens.dim() != 3:
            raise ValueError(f'tokens must be [B, N, C], got {tuple(tokens.shape)}; drop the reshape of this layer')
        patches = tokens[:, self.num_extra_tokens :]
        count = patches.shape[1]
        rows, columns = self.grid or (math.isqrt(count),) * 2
        if rows * columns != count or not count:
            raise ValueError(
                f'{tokens.shape[1]} tokens without {self.num_extra_tokens} extra ones are {count} patches, not '
                f'{rows} x {columns}; correct num_extra_tokens (Swin: 0) or give grid=(rows, columns)'
            )
        return patches.transpose(1, 2).unflatten(2, (rows, columns))
