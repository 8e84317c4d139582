"""Measuring random walks and dense CRFs."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wsod_mm.functional.crf_labels import soft_unary
from wsod_mm.functional.pixel_pairs import pair_offsets
from wsod_mm.functional.random_walk import random_walk, symmetric_affinity, transition_matrix

from .benchmark import _fastest
from .dense_crf import DenseCRFParams, dense_crf

__all__ = ['benchmark_crf', 'benchmark_walk', 'smooth_scene', 'square_dense']


def square_dense(transition: Tensor, squarings: int) -> Tensor:
    """The matrix of 2^squarings steps, by squaring; what the sparse walk is compared with."""
    for _ in range(squarings):
        transition = transition @ transition
    return transition


def benchmark_walk(
    height: int,
    width: int,
    planes: int = 4,
    radius: int = 5,
    beta: float = 8.0,
    log_steps: int = 8,
    squarings: int | None = None,
    method: str = 'sparse',
    repeat: int = 3,
    device: str = 'cpu',
) -> dict[str, float]:
    """Time and memory of a walk of 2^log_steps steps, beside the dense matrix squared log_steps times in float32.

    Args:
        height: Of the grid, in cells.
        width: Of the grid, in cells.
        planes: Number of planes that walk.
        radius: Of the neighbourhood.
        beta: Power of the affinities.
        log_steps: Of the walk.
        squarings: How often the dense matrix is really squared, once each; fewer than ``log_steps``: the time is
            multiplied and the results are not compared. ``None``: all. 0: no dense matrix.
        method: Of the walk, ``'sparse'`` or ``'stencil'``.
        repeat: The fastest of so many runs counts (of the walk).
        device: Of both.

    Returns:
        ``walk ms`` (matrix and steps), ``walk MiB``, ``dense MiB`` (numbers that are held: of the walk the one-step
        operator and the planes twice, of the squaring operand and result) and their ratio; with squarings also
        ``dense ms``, ``squarings measured``, the ratio; after all squarings ``max difference`` and
        ``argmax differs %``.
    """
    offsets = pair_offsets(radius)
    generator = torch.Generator().manual_seed(0)
    affinity = torch.rand(len(offsets), height, width, generator=generator).to(device)
    values = torch.rand(planes, height, width, generator=generator).to(device)
    found = []

    def walk() -> None:
        found[:] = [random_walk(values, transition_matrix(affinity, offsets, beta, method=method), 2**log_steps)]

    cells, squarings = height * width, log_steps if squarings is None else squarings
    matrix = symmetric_affinity(affinity, offsets, beta, torch.float32)
    # value and column, and where rows begin; of the stencil a number per offset and the sums
    held = 12 * matrix.values().numel() + 4 * cells if method == 'sparse' else 8 * (len(offsets) + 1) * cells
    result = {'walk ms': _fastest(walk, repeat, device), 'walk MiB': (held + 16 * planes * cells) / 2**20}
    result['dense MiB'] = 8 * cells**2 / 2**20
    result['dense / walk MiB'] = result['dense MiB'] / result['walk MiB']
    if not squarings:
        return result
    dense = matrix.to_dense()
    dense = dense / dense.sum(dim=0)
    power = []
    passed = _fastest(lambda: power.append(square_dense(dense, squarings)), 1, device)
    result['squarings measured'] = squarings
    result['dense ms'] = passed * log_steps / squarings
    result['dense / walk ms'] = result['dense ms'] / result['walk ms']
    if squarings == log_steps:
        theirs = (values.flatten(1) @ power[0]).view_as(values)
        result['max difference'] = float((found[0] - theirs).abs().max())
        result['argmax differs %'] = 100 * float((found[0].argmax(0) != theirs.argmax(0)).double().mean())
    return result


def smooth_scene(height: int, width: int, labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """An image of noisy blots, and maps as of a classifier that half knows them.

    Returns:
        ``[H, W, 3]`` uint8 and ``[L, H, W]`` float32 in (0, 1], the first one background.
    """
    generator = torch.Generator().manual_seed(seed)

    def field(count: int, cells: int) -> Tensor:
        coarse = torch.randn(1, count, cells, cells, generator=generator)
        return F.interpolate(coarse, (height, width), mode='bicubic', align_corners=False)[0]

    blots = field(labels, 6)
    colour = torch.rand(labels, 3, generator=generator) * 180 + 30
    shade = 25 * field(3, 9) + 5 * torch.randn(3, height, width, generator=generator)
    image = (colour[blots.argmax(0)].permute(2, 0, 1) + shade).clamp(0, 255).byte().permute(1, 2, 0)
    return image.numpy(), (2 * blots + field(labels, 8)).softmax(dim=0).numpy()


def benchmark_crf(
    image: np.ndarray,
    probabilities: np.ndarray,
    backends: Sequence[str] = ('pydensecrf', 'grid'),
    params: DenseCRFParams | None = None,
    repeat: int = 1,
    device: str = 'cpu',
) -> dict[str, dict[str, float]]:
    """Time of the backends of a dense CRF and how far they agree.

    Args:
        image: ``[H, W, 3]`` uint8.
        probabilities: ``[L, H, W]``.
        backends: Names for :func:`~.dense_crf.dense_crf`.
        params: ``None``: the defaults.
        repeat: The fastest of so many runs counts.
        device: Of the backends in torch.

    Returns:
        By backend: ``ms``, ``moved %`` (pixels whose best label is another than before), and ``differs from X %`` for
        the other backends X.
    """
    unary, labels, times = soft_unary(torch.from_numpy(probabilities)).numpy(), {}, {}
    for name in backends:

        def run(name: str = name) -> None:
            labels[name] = dense_crf(image, unary, params, name, device).argmax(0)

        times[name] = _fastest(run, repeat, device)
    return {
        name: {
            'ms': times[name],
            'moved %': 100 * float((labels[name] != unary.argmin(0)).mean()),
            **{
                f'differs from {other} %': 100 * float((labels[name] != labels[other]).mean())
                for other in backends
                if other != name
            },
        }
        for name in backends
    }


def exact_size(height: int, width: int, pixels: int) -> tuple[int, int, float]:
    """Size of about so many pixels with the same shape, and the factor of its sides."""
    factor = min(1.0, math.sqrt(pixels / (height * width)))
    return max(1, int(height * factor)), max(1, int(width * factor)), factor
