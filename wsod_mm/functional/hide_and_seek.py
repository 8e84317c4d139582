"""Hide-and-Seek: images with random patches blanked."""

import torch
from torch import Tensor

__all__ = ['hide_patches', 'patch_grid']


def patch_grid(height: int, width: int, grid_size: int, compat: bool = False) -> tuple[int, int]:
    """Numbers of patches in an image, the last of a side may be smaller.

    Args:
        height: Pixels.
        width: Pixels.
        grid_size: Side of a patch in pixels, at least 1.
        compat: The reference's order, which takes columns for rows; see :func:`hide_patches`.

    Returns:
        Patches along the first and along the second axis of the draws: rows and columns, with ``compat`` exchanged.

    Raises:
        ValueError: A number is not positive.
    """
    if min(height, width, grid_size) < 1:
        raise ValueError(f'no patches of {grid_size} pixels in {height} x {width}; all must be at least 1')
    rows, cols = -(-height // grid_size), -(-width // grid_size)
    return (cols, rows) if compat else (rows, cols)


def hide_patches(
    images: Tensor, draws: Tensor, grid_size: int = 4, drop_rate: float = 0.5, compat: bool = False
) -> Tensor:
    """Blank the patches whose draw is at most the rate, with zeros: the mean colour of normalised images.

    Source: Kumar Singh and Lee, "Hide-and-Seek"; wsolevaluation's code, specs/cam.md 5. That code counts patches along
    the width, but blanks rows with them, and clips both ends with the height: on images that are not square some
    patches are never blanked. ``compat`` does the same; on square images there is no difference.

    Args:
        images: ``[B, C, H, W]`` float.
        draws: Uniform numbers in [0, 1), ``B * n * m`` of them in the shape ``[B, n, m]`` or flat, with
            (n, m) from :func:`patch_grid`; compared in their own precision.
        grid_size: Side of a patch in pixels; 0: nothing is hidden, and ``draws`` may be empty.
        drop_rate: Probability in [0, 1].
        compat: The reference's bug.

    Returns:
        ``[B, C, H, W]`` of the dtype of ``images``; a new tensor unless ``grid_size`` is 0.

    Raises:
        ValueError: A setting is out of range, or the number of draws is wrong.
    """
    if images.dim() != 4:
        raise ValueError(f'images must be [B, C, H, W], got {tuple(images.shape)}')
    if grid_size < 0 or not 0 <= drop_rate <= 1:
        raise ValueError(f'grid_size={grid_size} must be at least 0 and drop_rate={drop_rate} in [0, 1]')
    if grid_size == 0:
        return images
    batch, _, height, width = images.shape
    first, second = patch_grid(height, width, grid_size, compat)
    if draws.numel() != batch * first * second:
        raise ValueError(
            f'{draws.numel()} draws for {batch} images of {height} x {width} pixels in patches of {grid_size}: '
            f'needs {batch} x {first} x {second}'
        )
    drawn = draws.to(images.device).view(batch, first, second) <= drop_rate
    rows, cols = (torch.arange(n, device=images.device) for n in (height, width))
    hidden = drawn.index_select(1, (rows // grid_size).clamp(max=first - 1))
    hidden = hidden.index_select(2, (cols // grid_size).clamp(max=second - 1))
    if compat:  # rows beyond the last patch of the width, and columns beyond the height, are out of reach
        hidden = hidden & (rows < first * grid_size)[:, None] & (cols < height)
    return images.masked_fill(hidden[:, None], 0)
