"""Seeds that depend on where training stands, not on how it got there."""

import random

import numpy as np
import torch

__all__ = ['mix_seed', 'seed_everything', 'seed_sample']


def mix_seed(*parts: int) -> int:
    """Hash integers into one seed; neighbouring inputs give unrelated seeds.

    Args:
        *parts: Non-negative integers, such as (seed, rank, iteration).

    Returns:
        A seed of 63 bits.
    """
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_sample(seed: int) -> None:
    """Seed what data transforms draw from: ``random``, ``numpy.random`` and torch's CPU generator."""
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    torch.default_generator.manual_seed(seed)


def seed_everything(seed: int) -> None:
    """As :func:`seed_sample`, and the generators of all GPUs, without a host synchronisation."""
    seed_sample(seed)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
