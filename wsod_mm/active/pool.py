"""The pool of active learning as pure functions: first split, selection, and which data set an id belongs to.

An image is an id in 0..n-1. ``X_L``, ``X_U`` and ``X_S`` of the public code are called labeled (images whose labels are
used), unlabeled (the part of all other images that is trained on without labels) and selected.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    'PASSES_PER_EPOCH',
    'VOC_TRAINVAL_SIZES',
    'InitialSplit',
    'Selection',
    'draw_candidates',
    'initial_split',
    'join_datasets',
    'next_sets',
    'select_largest',
    'select_next',
    'split_by_dataset',
]

#: Images of VOC2007 trainval (ids 0..5010) and of VOC2012 trainval (ids 5011..16550).
VOC_TRAINVAL_SIZES = (5011, 11540)

#: How often one epoch of a stage goes through the labeled, and through the unlabeled images. Source: public code.
PASSES_PER_EPOCH = 2


class InitialSplit(NamedTuple):
    """First split.

    Attributes:
        order: ``[n]`` int64, all ids, shuffled.
        labeled: int64, rising.
        unlabeled: int64, rising.
    """

    order: np.ndarray
    labeled: np.ndarray
    unlabeled: np.ndarray


class Selection(NamedTuple):
    """Result of one selection.

    Attributes:
        selected: int64, the images to label, the most uncertain first.
        labeled: int64, labeled images of the next cycle, rising.
        unlabeled: int64, unlabeled images of the next cycle, rising.
    """

    selected: np.ndarray
    labeled: np.ndarray
    unlabeled: np.ndarray


def initial_split(
    n: int, size: int, seed: int = 666, unlabeled_size: int | None = None, compat: str | None = None
) -> InitialSplit:
    """Shuffle all images; the first ``size`` are labeled, the last ``size`` unlabeled.

    Source: public code since 2021-10-13 (before that unlabeled was the second block); bit-equal to it, except that no
    image is in both sets. Does not touch numpy's global random state.

    Args:
        n: Number of images.
        size: Number of labeled images, 1..n. Released setting for VOC: ``n // 20``.
        seed: Of the shuffle.
        unlabeled_size: Wanted number of unlabeled images; ``None``: as many as labeled.
        compat: ``'reference'``: the sets may overlap, as in the public code, if together they are larger than n.
            ``None``: unlabeled is then what is left, possibly nothing.

    Returns:
        The split.

    Raises:
        ValueError: For a size out of range or an unknown ``compat``.
    """
    _check_options(compat, unlabeled_size)
    if not 1 <= size <= n:
        raise ValueError(f'need 1 to {n} labeled images to start with, got {size}')
    order = np.arange(n, dtype=np.int64)
    np.random.RandomState(seed).shuffle(order)
    start = max(0, n - (size if unlabeled_size is None else unlabeled_size))
    if compat is None:
        start = max(start, size)
    return InitialSplit(order, np.sort(order[:size]), np.sort(order[start:]))


def draw_candidates(n: int, labeled: ArrayLike, size: int, seed: int) -> np.ndarray:
    """A random part of the images without label, for pools that are too large to be scored. (COCO: ``size = n // 5``.)

    Args:
        n: Number of images.
        labeled: Ids of the labeled images.
        size: Number of candidates; all, if fewer are left.
        seed: Of the draw.

    Returns:
        int64, rising.

    Raises:
        ValueError: For ids that are not unique integers in 0..n-1, or a negative size.
    """
    _check_size(size)
    rest = _rest(n, _ids(labeled, n, 'labeled'))
    np.random.RandomState(seed).shuffle(rest)
    return np.sort(rest[:size])


def select_largest(
    uncertainty: ArrayLike, candidates: ArrayLike, size: int, names: Sequence[str] | None = None
) -> np.ndarray:
    """The ``size`` most uncertain candidates; of equally uncertain ones those with the smaller ids.

    Source: paper and public code, whose sort leaves open how ties are broken.

    Args:
        uncertainty: ``[n]`` float, by id. Only the values of candidates are looked at.
        candidates: Ids to choose from, in any order, possibly none.
        size: How many; all, if there are fewer.
        names: ``[n]``, names of the images, for the message of an error.

    Returns:
        int64 ids, the most uncertain first.

    Raises:
        ValueError: If a candidate's uncertainty is not finite; for ids that are not unique integers in 0..n-1; for a
            negative size.
    """
    _check_size(size)
    uncertainty = np.asarray(uncertainty)
    if uncertainty.ndim != 1:
        raise ValueError(f'expected one uncertainty per image, got shape {uncertainty.shape}')
    candidates = np.sort(_ids(candidates, len(uncertainty), 'candidates'))
    values = uncertainty[candidates]
    bad = candidates[~np.isfinite(values)]
    if bad.size:
        which = ', '.join(str(i if names is None else names[i]) for i in bad[:10]) + (', ...' if bad.size > 10 else '')
        raise ValueError(f'uncertainty is not finite for {bad.size} of {candidates.size} images: {which}')
    # stable, over rising ids
    return candidates[np.argsort(-values, kind='stable')[:size]]


def next_sets(
    n: int,
    labeled: ArrayLike,
    selected: ArrayLike,
    seed: int,
    unlabeled_size: int | None = None,
    compat: str | None = None,
) -> Selection:
    """Add the selected images to the labeled ones, and draw new unlabeled images from what is left.

    Source: public code; bit-equal to it where enough images are left. Otherwise all that are left are unlabeled images,
    possibly none: then there is nothing to train on without labels. Does not touch numpy's global random state.

    Args:
        n: Number of images.
        labeled: Ids of the labeled images.
        selected: Ids to add, the most uncertain first.
        seed: Of the draw. The public code seeds again before it scores, with the same seed in all cycles.
        unlabeled_size: Wanted number of unlabeled images; ``None``: as many as are labeled afterwards.
        compat: ``'reference'``: as in the public code, labeled images fill the place of unlabeled ones that are not
            there, and all ids in ``unlabeled`` are float64 if no image is left (with which the public code fails in the
            next cycle). ``None``: neither.

    Returns:
        The sets of the next cycle.

    Raises:
        ValueError: For ids that are not unique integers in 0..n-1, a selected image that is labeled, a negative size or
            an unknown ``compat``.
    """
    _check_options(compat, unlabeled_size)
    labeled, selected = _ids(labeled, n, 'labeled'), _ids(selected, n, 'selected')
    both = np.intersect1d(labeled, selected)
    if both.size:
        raise ValueError(f'{both.size} selected images are labeled already: {both[:10].tolist()}')
    union = np.concatenate((labeled, selected[::-1]))
    wanted = union.size if unlabeled_size is None else unlabeled_size
    rng, rest = np.random.RandomState(seed), _rest(n, union)
    rng.shuffle(rest)
    labeled, unlabeled = np.sort(union), rest[:wanted]
    if compat == 'reference' and unlabeled.size < wanted:
        rng.shuffle(union)
        unlabeled = np.concatenate((unlabeled, union[: wanted - unlabeled.size]))
        if not rest.size:
            unlabeled = unlabeled.astype(np.float64)
    return Selection(selected, labeled, np.sort(unlabeled))


def select_next(
    uncertainty: ArrayLike,
    labeled: ArrayLike,
    size: int,
    seed: int,
    candidates: ArrayLike | None = None,
    unlabeled_size: int | None = None,
    names: Sequence[str] | None = None,
    compat: str | None = None,
) -> Selection:
    """One step of active learning: :func:`select_largest`, then :func:`next_sets`.

    If no image is left, nothing is selected, the labeled images stay the same and no image is unlabeled.

    Args:
        uncertainty: ``[n]`` float, by id; NaN where an image is no candidate.
        labeled: Ids of the labeled images, in any order.
        size: How many images to select; all, if fewer are left. Released setting for VOC: ``n // 40``.
        seed: Of the draw of unlabeled images.
        candidates: Ids to choose from (:func:`draw_candidates`); ``None``: all images that are not labeled.
        unlabeled_size: See :func:`next_sets`.
        names: See :func:`select_largest`.
        compat: See :func:`next_sets`. Ties are broken by our rule in any case.

    Returns:
        The selected images and the sets of the next cycle.

    Raises:
        ValueError: See the two functions; with ``compat='reference'`` also if no image is left, where the public code
            fails.
    """
    n = len(uncertainty)
    labeled = _ids(labeled, n, 'labeled')
    candidates = _rest(n, labeled) if candidates is None else candidates
    if compat == 'reference' and labeled.size == n:
        raise ValueError(f'all {n} images are labeled: nothing to select from')
    selected = select_largest(uncertainty, candidates, size, names)
    return next_sets(n, labeled, selected, seed, unlabeled_size, compat)


def split_by_dataset(ids: ArrayLike, sizes: Sequence[int] = VOC_TRAINVAL_SIZES) -> list[np.ndarray]:
    """Positions of images in the data sets of which the pool is the concatenation.

    Args:
        ids: Unique ids.
        sizes: Number of images of each data set.

    Returns:
        For each data set int64, rising, 0-based positions in its list of images. (In the public code those of VOC2012
        are the ids minus 5011.)

    Raises:
        ValueError: For ids that are not unique integers in 0..sum(sizes)-1.
    """
    ids = np.sort(_ids(ids, sum(sizes), 'ids'))
    starts = np.cumsum((0, *sizes))
    cuts = np.searchsorted(ids, starts)
    return [ids[a:b] - start for a, b, start in zip(cuts[:-1], cuts[1:], starts[:-1], strict=True)]


def join_datasets(positions: Sequence[ArrayLike], sizes: Sequence[int] = VOC_TRAINVAL_SIZES) -> np.ndarray:
    """Undo :func:`split_by_dataset`.

    Args:
        positions: For each data set unique 0-based positions in its list of images.
        sizes: Number of images of each data set.

    Returns:
        int64 ids, rising.

    Raises:
        ValueError: For another number of data sets, or positions that are not unique integers inside of them.
    """
    if len(positions) != len(sizes):
        raise ValueError(f'expected positions in {len(sizes)} data sets, got {len(positions)}')
    starts = np.cumsum((0, *sizes))[:-1]
    parts = [
        start + np.sort(_ids(part, size, f'positions[{k}]'))
        for k, (part, size, start) in enumerate(zip(positions, sizes, starts, strict=True))
    ]
    return np.concatenate((np.zeros(0, np.int64), *parts))


def _ids(ids: ArrayLike, n: int, what: str) -> np.ndarray:
    """Ids as int64, checked."""
    ids = np.asarray(ids)
    if ids.size == 0:
        return np.zeros(0, np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in 'iu':
        raise ValueError(f'{what}: expected a list of integer ids, got {ids.dtype} of shape {ids.shape}')
    if ids.min() < 0 or ids.max() >= n:
        raise ValueError(f'{what}: ids must be in 0..{n - 1}, got {ids.min()}..{ids.max()}')
    if np.unique(ids).size != ids.size:
        raise ValueError(f'{what}: an id occurs more than once')
    return ids.astype(np.int64)


def _rest(n: int, ids: np.ndarray) -> np.ndarray:
    """All other ids, rising: the order in which the public code shuffles them."""
    return np.setdiff1d(np.arange(n, dtype=np.int64), ids, assume_unique=True)


def _check_size(size: int) -> None:
    if size < 0:
        raise ValueError(f'cannot take {size} images')


def _check_options(compat: str | None, unlabeled_size: int | None) -> None:
    if compat not in (None, 'reference'):
        raise ValueError(f"compat must be None or 'reference', got {compat!r}")
    if unlabeled_size is not None:
        _check_size(unlabeled_size)
