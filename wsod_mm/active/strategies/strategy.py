"""What all acquisition strategies have in common."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.structures import SampleList
from numpy.typing import ArrayLike
from torch import Tensor, nn

from wsod_mm.active.pool import select_largest

__all__ = ['Strategy']


class Strategy:
    """How images are scored, and which ones to label next.

    An image is an id in 0..n-1, the row of its value. A strategy keeps nothing from one call to the next.

    Subclasses have :meth:`_score`, or ``needs_scores = False``, and for values that are not simply ranked a
    :meth:`_select`.
    """

    #: Whether :meth:`select` needs what :meth:`score` gives.
    needs_scores: bool = True

    #: Whether labeled images are to be scored too, and not only candidates.
    score_labeled: bool = False

    def check(self, model: nn.Module) -> None:
        """Fail if a model cannot be scored this way. No image is needed for it.

        Args:
            model: The bare detector.

        Raises:
            ValueError: With the fix.
        """

    @torch.no_grad()
    def score(self, model: nn.Module, batch_inputs: Tensor, batch_data_samples: SampleList) -> Tensor:
        """Score the images of a batch. Padding counts in most strategies: give images of one shape.

        Args:
            model: The bare detector, in ``eval()``.
            batch_inputs: ``[B, 3, H, W]`` float, preprocessed.
            batch_data_samples: B samples, of which only the meta information may be looked at.

        Returns:
            ``[B]``, or ``[B, D]`` for features; float32 on the device of the inputs, without gradient.

        Raises:
            ValueError: If the model is in training mode, or the strategy needs no scores.
        """
        if not self.needs_scores:
            raise ValueError(f'{type(self).__name__} needs no scores: call select() with values=None')
        if model.training:
            raise ValueError('images are scored in evaluation mode: call model.eval() first')
        return self._score(model, batch_inputs, batch_data_samples).float()

    def select(
        self,
        values: np.ndarray | None,
        labeled: ArrayLike,
        candidates: ArrayLike,
        size: int,
        seed: int,
        names: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Choose the images to label. The same arguments give the same images, whatever the order of the ids.

        Args:
            values: ``[n]`` or ``[n, D]`` float, what :meth:`score` gave, by id; NaN where it was not asked. ``None`` if
                ``needs_scores`` is false.
            labeled: Ids of the labeled images.
            candidates: Ids to choose from, possibly none.
            size: How many; all candidates, if there are fewer.
            seed: Of a random choice; other strategies do not use it.
            names: ``[n]``, names of the images, for the messages of errors.

        Returns:
            int64 ids, the best first.

        Raises:
            ValueError: If values are missing or not finite (with the names of the images); for ids that are not unique
                integers from 0 on, a labeled candidate, or a negative size.
        """
        labeled, candidates = _ids(labeled, 'labeled'), _ids(candidates, 'candidates')
        both = np.intersect1d(labeled, candidates)
        if both.size:
            raise ValueError(f'{both.size} candidates are labeled already: {both[:10].tolist()}')
        if size < 0:
            raise ValueError(f'the number of images to select must not be negative, got {size}')
        if self.needs_scores:
            if values is None:
                raise ValueError(f'{type(self).__name__} needs the values of score(), got None')
            values = np.asarray(values)
            largest = max((int(ids[-1]) for ids in (labeled, candidates) if ids.size), default=-1)
            if values.ndim < 1 or largest >= len(values):
                raise ValueError(f'values has shape {values.shape}, but the ids go up to {largest}')
        return self._select(values, labeled, candidates, size, seed, names)

    def _score(self, model: nn.Module, batch_inputs: Tensor, batch_data_samples: SampleList) -> Tensor:
        """See :meth:`score`."""
        raise NotImplementedError(f'{type(self).__name__} has no _score()')

    def _select(
        self,
        values: np.ndarray | None,
        labeled: np.ndarray,
        candidates: np.ndarray,
        size: int,
        seed: int,
        names: Sequence[str] | None,
    ) -> np.ndarray:
        """See :meth:`select`; the ids are checked and rising."""
        return select_largest(values, candidates, size, names)


def _ids(ids: ArrayLike, what: str) -> np.ndarray:
    """Ids as int64, checked and rising."""
    ids = np.asarray(ids)
    if ids.size == 0:
        return np.zeros(0, np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in 'iu' or ids.min() < 0:
        raise ValueError(f'{what}: expected a list of integer ids from 0 on, got {ids.dtype} of shape {ids.shape}')
    rising = np.unique(ids).astype(np.int64)
    if rising.size != ids.size:
        raise ValueError(f'{what}: an id occurs more than once')
    return rising
