"""Proposals as some file has them, before order, offset and ids are settled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ProposalFileError

__all__ = ['RawProposals', 'as_boxes', 'as_scores']


@dataclass
class RawProposals:
    """Content of a foreign file.

    Attributes:
        keys: Per image a name (str), a number (int), or ``None`` for all when only the position
            tells the image.
        boxes: Per image float32 [R,4], columns and offset as in the file.
        scores: Per image float32 [R] or ``None``.
        order: ``'xywh'`` etc. when the file itself states it, else ``None``.
    """

    keys: Sequence[str | int] | None
    boxes: list[np.ndarray]
    scores: list[np.ndarray | None]
    order: str | None = None


def as_boxes(value: object, where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Boxes float32 [R,4], and the scores when ``value`` has them as a fifth column.

    Raises:
        ProposalFileError: If it is no table of numbers with 4 or 5 columns.
    """
    try:
        table = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ProposalFileError(f'{where}: boxes are no table of numbers ({error})') from error
    if table.size == 0:
        return np.zeros((0, 4), np.float32), None
    if table.ndim != 2 or table.shape[1] not in (4, 5):
        raise ProposalFileError(f'{where}: boxes must be [R,4] (or [R,5] with a score), got {table.shape}')
    return table[:, :4], (table[:, 4] if table.shape[1] == 5 else None)


def as_scores(value: object, count: int, where: str) -> np.ndarray | None:
    """Scores float32 [count], or ``None`` for ``None``.

    Raises:
        ProposalFileError: If their number is not that of the boxes.
    """
    if value is None:
        return None
    try:
        scores = np.asarray(value, dtype=np.float32).reshape(-1)
    except (TypeError, ValueError) as error:
        raise ProposalFileError(f'{where}: scores are not numbers ({error})') from error
    if len(scores) != count:
        raise ProposalFileError(f'{where}: {count} boxes but {len(scores)} scores')
    return scores
