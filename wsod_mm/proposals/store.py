"""Proposals of many images in one pickle-free file."""

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.io import atomic_write
from .errors import ProposalFileError

__all__ = ['ProposalStore']

_KEYS = ('ids', 'offsets', 'boxes', 'scores', 'meta')
_MEND = "make it again with 'python tools/proposals.py generate' or '... convert'"
_FOREIGN = (
    "a file of another program becomes a store with 'python tools/proposals.py convert', a damaged "
    'one must be made again'
)


class ProposalStore:
    """Boxes and scores per image id, kept in four flat arrays.

    On disk it is one compressed ``.npz`` without pickles: ``ids`` unicode [N], ``offsets`` int64
    [N+1], ``boxes`` float32 [sum R, 4], ``scores`` float32 [sum R] and ``meta``, a JSON object as a
    0-d unicode array. The rows of image ``i`` are ``offsets[i]:offsets[i+1]``. Flat arrays hold no
    Python object per image, so data loader workers that were forked share the memory. The same
    content always gives the same bytes.

    Boxes are (x1, y1, x2, y2) in pixels of the original image, 0-based, corners inclusive. The key
    of an image is its file stem (VOC ``'000005'``) or its COCO id as a string. The row order is the
    order of the source (best first when it has one).

    Args:
        ids: Image ids [N], unique.
        offsets: int64 [N+1], from 0 to ``len(boxes)``, non-decreasing.
        boxes: float32 [sum R, 4].
        scores: float32 [sum R]; zeros when the source has none.
        meta: JSON-able description of where the boxes come from.
        source: Name used in error messages.

    Raises:
        ProposalFileError: If the arrays do not fit together.
    """

    def __init__(
        self,
        ids: Iterable[str],
        offsets: np.ndarray,
        boxes: np.ndarray,
        scores: np.ndarray,
        meta: Mapping[str, Any] | None = None,
        source: str = 'proposals',
    ) -> None:
        self._ids = tuple(str(i) for i in ids)
        self._offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        self._boxes = np.ascontiguousarray(boxes, dtype=np.float32)
        self._scores = np.ascontiguousarray(scores, dtype=np.float32)
        self.meta: dict[str, Any] = dict(meta or {})
        self.source = source
        self._validate()
        self._row = {image_id: row for row, image_id in enumerate(self._ids)}

    @classmethod
    def from_dict(
        cls,
        proposals: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
        meta: Mapping[str, Any] | None = None,
    ) -> 'ProposalStore':
        """Build a store from ``{id: (boxes [R,4], scores [R] or None)}``, in the order of the
        mapping."""
        boxes, scores, counts = [], [], [0]
        for image_id, (b, s) in proposals.items():
            b = np.asarray(b, dtype=np.float32).reshape(-1, 4)
            s = np.zeros(len(b), np.float32) if s is None else np.asarray(s, dtype=np.float32).reshape(-1)
            if len(s) != len(b):
                raise ProposalFileError(f'image {image_id!r}: {len(b)} boxes but {len(s)} scores')
            boxes.append(b)
            scores.append(s)
            counts.append(len(b))
        return cls(
            list(proposals),
            np.cumsum(counts, dtype=np.int64),
            np.concatenate(boxes) if boxes else np.zeros((0, 4), np.float32),
            np.concatenate(scores) if scores else np.zeros(0, np.float32),
            meta,
        )

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'ProposalStore':
        """Read a store.

        Args:
            path: File written by :meth:`save`.

        Raises:
            FileNotFoundError: If there is no such file.
            ProposalFileError: If it is truncated, not a proposal store, or its arrays do not fit
                together.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f'no proposal file {path}; {_MEND}')
        with open(path, 'rb') as handle:
            start = handle.read(2)
        if start != b'PK':
            what = {b'\x80': 'is a pickle', b'\x93': 'holds one bare array'}.get(
                start[:1], 'is truncated or not an .npz file'
            )
            raise ProposalFileError(f'{path} {what}; {_FOREIGN}')
        try:
            with np.load(path, allow_pickle=False) as data:
                absent = [key for key in _KEYS if key not in data.files]
                if absent:
                    raise ProposalFileError(
                        f'{path} is not a proposal store: it has {sorted(data.files)[:8]} but '
                        f'lacks {absent}; {_FOREIGN}'
                    )
                arrays = {key: data[key] for key in _KEYS}
        except ProposalFileError:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
            raise ProposalFileError(
                f'{path} is truncated or damaged ({type(error).__name__}: {error}); {_MEND}'
            ) from error
        if arrays['ids'].dtype.kind != 'U' or arrays['ids'].ndim != 1 or arrays['meta'].dtype.kind != 'U':
            raise ProposalFileError(
                f"{path}: 'ids' and 'meta' must be text, got {arrays['ids'].dtype}"
                f' {arrays["ids"].shape} and {arrays["meta"].dtype}; {_MEND}'
            )
        try:
            meta = json.loads(str(arrays['meta']))
        except json.JSONDecodeError as error:
            raise ProposalFileError(f"{path}: 'meta' is not JSON ({error}); {_MEND}") from error
        return cls(
            arrays['ids'].tolist(),
            arrays['offsets'],
            arrays['boxes'],
            arrays['scores'],
            meta,
            str(path),
        )

    def save(self, path: str | os.PathLike) -> Path:
        """Write the store to ``path`` (must end in ``.npz``), atomically: readers see the old file
        or the whole new one."""
        path = Path(path)
        if path.suffix != '.npz':
            raise ProposalFileError(f'a proposal store is an .npz file, got {path}')
        meta = json.dumps(self.meta, sort_keys=True, ensure_ascii=False)
        with atomic_write(path, '.npz') as temporary, open(temporary, 'wb') as handle:
            np.savez_compressed(
                handle,
                ids=np.array(self._ids, dtype=np.str_),
                offsets=self._offsets,
                boxes=self._boxes,
                scores=self._scores,
                meta=np.array(meta),
            )
        return path

    @property
    def ids(self) -> list[str]:
        """Image ids in file order."""
        return list(self._ids)

    @property
    def counts(self) -> np.ndarray:
        """Number of boxes per image, int64 [N]."""
        return np.diff(self._offsets)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._row

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __repr__(self) -> str:
        return f'ProposalStore({self.source!r}: {len(self)} images, {len(self._boxes)} boxes)'

    def get(self, image_id: str, copy: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Boxes float32 [R,4] and scores float32 [R] of one image.

        Args:
            image_id: Key of the image.
            copy: Give writable copies (default) or read-only views of the store.

        Raises:
            KeyError: If the image has no entry; the message names the file and shows what its ids
                look like.
        """
        row = self._row.get(image_id)
        if row is None:
            like = ', '.join(map(repr, self._ids[:3])) or 'none'
            raise KeyError(
                f'{self.source} has no proposals for image {image_id!r} (it has {len(self)} images,'
                f' ids like {like}); '
                f"'python tools/proposals.py check' lists all that are missing"
            )
        rows = slice(int(self._offsets[row]), int(self._offsets[row + 1]))
        boxes, scores = self._boxes[rows], self._scores[rows]
        if copy:
            return boxes.copy(), scores.copy()
        boxes.flags.writeable = scores.flags.writeable = False
        return boxes, scores

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of ``ids`` that have no entry, in the given order. An entry with zero boxes counts
        as present."""
        return [image_id for image_id in ids if image_id not in self._row]

    def _validate(self) -> None:
        def refuse(reason: str) -> None:
            raise ProposalFileError(f'{self.source}: {reason}; {_MEND}')

        if self._boxes.ndim != 2 or self._boxes.shape[1] != 4:
            refuse(f"'boxes' must be [R,4], got {self._boxes.shape}")
        if self._scores.shape != (len(self._boxes),):
            refuse(f"'scores' {self._scores.shape} does not go with {len(self._boxes)} boxes")
        if self._offsets.shape != (len(self._ids) + 1,):
            refuse(f"'offsets' {self._offsets.shape} does not go with {len(self._ids)} ids")
        if self._offsets[0] != 0 or self._offsets[-1] != len(self._boxes) or (np.diff(self._offsets) < 0).any():
            refuse(f"'offsets' must rise from 0 to {len(self._boxes)}, the number of boxes")
        if len(set(self._ids)) != len(self._ids):
            double = next(i for i in self._ids if self._ids.count(i) > 1)
            refuse(f'image id {double!r} occurs more than once')
        if not np.isfinite(self._boxes).all() or not np.isfinite(self._scores).all():
            refuse('boxes or scores hold NaN or infinite values')
