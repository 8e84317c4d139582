"""Sparse matrices of torch."""

import warnings

import torch
from torch import Tensor

__all__ = ['csr_matrix']


def csr_matrix(rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse CSR matrix from parts that are known to be right, without torch's warning that CSR is in beta.

    Args:
        rows: ``[R + 1]`` int32, where each row begins.
        columns: ``[nnz]`` int32, ascending in each row. int32 because MKL would convert int64 in every product.
        values: ``[nnz]``.
        size: R and the number of columns.

    Returns:
        ``[R, columns]`` sparse CSR.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Sparse CSR tensor support is in beta')
        return torch.sparse_csr_tensor(rows, columns, values, size=size, check_invariants=False)
