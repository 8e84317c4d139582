"""Gaussian sums over position and colour of all pixels, on a regular grid in five dimensions."""

import torch
from torch import Tensor

from ..utils.sparse import csr_matrix

__all__ = ['BilateralGrid']


class BilateralGrid:
    """Sums over all pixels j of exp(-|f_i - f_j|^2 / 2) v_j, for features f in five dimensions, or any other number.

    Values are spread on the corners of the cell of each pixel, smoothed along every axis, and read at the pixels in the
    same way, so that the matrix is symmetric. Spreading and reading are linear between the corners of a simplex (sorted
    fractions, d + 1 corners instead of 2^d); simplices of neighbouring cells mirror each other, which cancels the
    preference that the diagonal of a cell would get. Both widen the kernel by 1/6 cells^2 on average, which the
    smoothing leaves out. The grid is dense, so that nothing gets lost at cells without pixels.

    Source: bilateral grids (Chen et al. 2007) and high-dimensional filters (Adams et al. 2010); details are ours.

    Args:
        features: ``[N, d]`` float32 in units of the kernel's standard deviation.
        cell: ``[d]`` side of the cells in the same units. The width of the kernel differs from place to place, by
            +-3 % with cells of 0.5 and +-12 % with 1.

    Attributes:
        shape: Number of nodes along each axis.
    """

    def __init__(self, features: Tensor, cell: Tensor) -> None:
        places = (features - features.amin(dim=0)) / cell.to(features)
        self.shape = grid_shape(features, cell)
        corners, weights = _simplex(places, self.shape)
        count, nodes = len(features), self.nodes
        rows = torch.arange(0, corners.numel() + 1, corners.size(1), dtype=torch.int32, device=corners.device)
        order = corners.flatten().argsort(stable=True)
        begins = rows.new_zeros(nodes + 1)
        begins[1:] = corners.flatten().bincount(minlength=nodes).cumsum(0)
        # both directions as rows: products with a transposed matrix are far slower
        self._read = csr_matrix(rows, corners.flatten().int(), weights.flatten(), (count, nodes))
        pixels = (order // corners.size(1)).int()
        self._spread = csr_matrix(begins, pixels, weights.flatten()[order], (nodes, count))
        self._smooth = [_smoothing(n, c).to(features) for n, c in zip(self.shape, cell.tolist(), strict=True)]

    @property
    def nodes(self) -> int:
        """Number of nodes of the grid."""
        return torch.Size(self.shape).numel()

    def __call__(self, values: Tensor) -> Tensor:
        """The sums.

        Args:
            values: ``[N, C]`` in the dtype of the features.

        Returns:
            ``[N, C]``.
        """
        grid = self._spread @ values
        for smooth in self._smooth:
            # the axis goes from the front to the back, so that each product is one of two matrices
            grid = grid.reshape(len(smooth), -1).t() @ smooth
        return self._read @ grid.reshape(values.size(1), -1).t().contiguous()


def grid_shape(features: Tensor, cell: Tensor) -> tuple[int, ...]:
    """Number of nodes along each axis that cover all features."""
    extent = (features.amax(dim=0) - features.amin(dim=0)) / cell.to(features)
    return tuple(int(n) + 2 for n in extent.tolist())


def _simplex(places: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Nodes and weights of linear interpolation in a simplex: ``[N, d + 1]`` int64 and float."""
    strides = torch.ones(len(shape), dtype=torch.int64, device=places.device)
    for k in range(len(shape) - 2, -1, -1):
        strides[k] = strides[k + 1] * shape[k + 1]
    low = places.floor()
    fractions, low = places - low, low.long()
    # in odd cells the walk along the axes starts at the other end
    odd = low % 2 == 1
    fractions, axes = torch.where(odd, 1 - fractions, fractions).sort(dim=1, descending=True)
    steps = torch.where(odd, -strides, strides).gather(1, axes)
    first = ((low + odd) * strides).sum(dim=1, keepdim=True)
    corners = torch.cat([first, steps], dim=1).cumsum(dim=1)
    return corners, -torch.diff(fractions, dim=1, prepend=torch.ones_like(first), append=torch.zeros_like(first))


def _smoothing(nodes: int, cell: float) -> Tensor:
    """``[n, n]``, a Gaussian without the variance of spreading and reading (together 1/3 cells^2)."""
    variance = max(1 / cell**2 - 1 / 3, 1e-3)
    along = torch.arange(nodes, dtype=torch.float64)
    return torch.exp(-(along[:, None] - along).square() / (2 * variance))
