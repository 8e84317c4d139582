"""Mean field of a fully connected CRF: exact kernels for small images, a bilateral grid for large ones."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .bilateral_grid import BilateralGrid, grid_shape

__all__ = [
    'MAX_CELLS',
    'MAX_EXACT_PIXELS',
    'bilateral_features',
    'exact_kernel',
    'gaussian_blur',
    'mean_field',
    'normalised',
    'pixel_grid',
]

MAX_EXACT_PIXELS = 8192
"""Most pixels of the exact kernels: a matrix of 512 MiB."""

MAX_CELLS = 2_000_000
"""Most nodes of the grid, 8 MiB per label; images with many colours get larger cells instead."""

FINEST = 0.5
LABELS_AT_ONCE = 4

Filter = Callable[[Tensor], Tensor]


@torch.no_grad()
def mean_field(unary: Tensor, filters: Sequence[tuple[float, Filter]], iterations: int = 10) -> Tensor:
    """Posteriors of a CRF with Potts compatibility: Q becomes softmax(-U + sum of weight x filtered Q).

    Source: Krähenbühl and Koltun 2011, algorithm 1, with all pixels at once.

    Args:
        unary: ``[L, H, W]`` float, costs.
        filters: Weight and filter of each kernel; a filter is linear and takes ``[C, H, W]``.
        iterations: 0: softmax(-U).

    Returns:
        ``[L, H, W]``, sums to 1 over the labels.
    """
    posterior = (-unary).softmax(dim=0)
    everything = [kernel(torch.ones_like(unary[:1])) for _, kernel in filters]
    for _ in range(iterations):
        logits = -unary
        for (weight, kernel), total in zip(filters, everything, strict=True):
            # posteriors sum to 1 and kernels are linear, so that the first label needs no pass of its own
            others = torch.cat([kernel(part) for part in posterior[1:].split(LABELS_AT_ONCE)])
            logits = logits + weight * torch.cat([total - others.sum(dim=0, keepdim=True), others])
        posterior = logits.softmax(dim=0)
    return posterior


def normalised(kernel: Filter, ones: Tensor) -> Filter:
    """The kernel K as D^(-1/2) K D^(-1/2), D = sums of its rows.

    Args:
        kernel: Takes ``[C, H, W]``.
        ones: ``[1, H, W]``.
    """
    scale = kernel(ones).rsqrt()
    return lambda values: kernel(values * scale) * scale


def exact_kernel(features: Tensor, size: tuple[int, int]) -> Filter:
    """All pairs of pixels: exp(-|f_i - f_j|^2 / 2), itself included.

    Args:
        features: ``[N, d]`` float64 in units of the standard deviation.
        size: Height and width, N = H * W.

    Returns:
        A filter of ``[C, H, W]``.
    """
    # |a|^2 - 2ab + |b|^2: in float64 twelve digits are left of it
    half = features.square().sum(dim=1) / 2
    matrix = (features @ features.t()).sub_(half).sub_(half[:, None]).exp_()
    return lambda values: (values.flatten(1) @ matrix).unflatten(1, size)


def pixel_grid(features: Tensor, size: tuple[int, int], max_cells: int = MAX_CELLS) -> Filter:
    """The same sums by a :class:`~.bilateral_grid.BilateralGrid` over row, column and colour.

    Cells are half a standard deviation wide, or as much more as ``max_cells`` demands, colour first: there are few
    cells along an image at the usual 80 pixels. Colours are turned to their principal axes where that saves cells.

    Args:
        features: ``[N, 5]`` float32 (y, x, three colours) in units of the standard deviation.
        size: Height and width, N = H * W.
        max_cells: Most nodes of the grid.

    Returns:
        A filter of ``[C, H, W]``.
    """
    colour = features[:, 2:]
    centred = (colour - colour.mean(dim=0)).double()
    turned = (centred @ torch.linalg.eigh(centred.t() @ centred).eigenvectors).to(colour)
    unit = colour.new_full((3,), FINEST)
    if math.prod(grid_shape(turned, unit)) < math.prod(grid_shape(colour, unit)):
        features = torch.cat([features[:, :2], turned], dim=1)
    side = FINEST
    while True:
        cell = features.new_tensor([max(FINEST, side / 1.5)] * 2 + [side] * 3)
        if math.prod(grid_shape(features, cell)) <= max(max_cells, 2**5):
            break
        side *= 1.1
    grid = BilateralGrid(features, cell)
    return lambda values: grid(values.flatten(1).t().contiguous()).t().unflatten(1, size)


def gaussian_blur(values: Tensor, sigma: float) -> Tensor:
    """Sums over the pixels of a plane with exp(-distance^2 / (2 sigma^2)), up to 5 sigma along each axis.

    Args:
        values: ``[C, H, W]``.
        sigma: In pixels.

    Returns:
        ``[C, H, W]``; what is outside counts as 0.
    """
    reach = max(1, math.ceil(5 * sigma))
    # a band matrix, as products of windows with one block
    distance = torch.arange(4 * reach)[:, None] - reach - torch.arange(2 * reach)
    block = torch.exp(-distance.double().square() / (2 * sigma**2)).masked_fill_(distance.abs() > reach, 0).to(values)
    for _ in range(2):
        length = values.size(-1)
        padded = F.pad(values, (reach, reach + -length % (2 * reach)))
        values = (padded.unfold(-1, 4 * reach, 2 * reach) @ block).flatten(-2)[..., :length].transpose(1, 2)
    return values.contiguous()


def bilateral_features(image: Tensor, spatial_sigma: float, color_sigma: float) -> Tensor:
    """Row, column and colours of each pixel in units of the standard deviations.

    Args:
        image: ``[H, W, 3]`` uint8.
        spatial_sigma: In pixels.
        color_sigma: In grey levels.

    Returns:
        ``[H * W, 5]`` float64.
    """
    height, width = image.shape[:2]
    rows = torch.arange(height, dtype=torch.float64, device=image.device)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float64, device=image.device).expand(height, width)
    places = torch.stack([rows, columns], dim=-1) / spatial_sigma
    return torch.cat([places, image.double() / color_sigma], dim=-1).flatten(0, 1)
