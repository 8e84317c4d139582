"""Proposals of a dataset, from one or several files."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsod_mm.proposals.errors import ProposalFileError
from wsod_mm.proposals.store import ProposalStore

__all__ = ['ProposalSource']


class ProposalSource:
    """Looks images up in proposal files and checks that files and images belong together.

    Args:
        stores: Opened files; the first that has an image wins.
        max_outside: Largest share of boxes that may leave their image. More means another
            coordinate order (y1, x1, y2, x2), another image size, or the wrong file (specs, CASD
            section 2).
    """

    def __init__(self, stores: Sequence[ProposalStore], max_outside: float = 0.01) -> None:
        self.stores = list(stores)
        self.max_outside = max_outside

    @classmethod
    def open(cls, files: str | os.PathLike | Sequence[str], data_root: str | None = None) -> 'ProposalSource':
        """Open files given as in a config.

        Args:
            files: Path or paths, relative to ``data_root`` or else to the working folder.
            data_root: See above.

        Raises:
            FileNotFoundError: If a file is in neither place.
            ProposalFileError: If a file is no proposal store.
        """
        names = [files] if isinstance(files, (str, os.PathLike)) else list(files)
        return cls([ProposalStore.load(_locate(Path(name), Path(data_root or '.'))) for name in names])

    def get(self, img_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Boxes float32 [R, 4] and scores float32 [R] of an image, copies.

        Raises:
            KeyError: If no file has the image.
        """
        for store in self.stores[:-1]:
            if img_id in store:
                return store.get(img_id)
        return self.stores[-1].get(img_id)

    def check(self, infos: Sequence[dict], sample: int = 500) -> None:
        """See that every image has an entry and that boxes lie inside their images.

        Args:
            infos: Data infos with ``img_id`` and, for the second check, ``height`` and ``width``.
            sample: Number of images, evenly spread, whose boxes are looked at.

        Raises:
            ProposalFileError: Otherwise; the message names images, file and command.
        """
        names = ', '.join(store.source for store in self.stores)
        missing = [i['img_id'] for i in infos if not any(i['img_id'] in store for store in self.stores)]
        if missing:
            shown = ', '.join(repr(i) for i in missing[:5])
            have = ', '.join(repr(i) for i in self.stores[0].ids[:3])
            raise ProposalFileError(
                f'{len(missing)} of {len(infos)} images have no proposals in {names}: {shown}'
                f'{", ..." if len(missing) > 5 else ""} (ids in the file look like {have}); make '
                'them with '
                "'python tools/proposals.py generate --help', or add the file that has them to "
                'proposal_file'
            )
        sized = [info for info in infos if 'height' in info and 'width' in info]
        picked = sized[:: max(1, len(sized) // sample)]
        outside = total = 0
        worst: tuple[float, str] = (0.0, '')
        for info in picked:
            boxes = self.get(info['img_id'])[0]
            # a pixel of slack: 1-based boxes that nobody shifted are another, milder matter
            far = (boxes[:, :2] < -1).any(1) | (boxes[:, 2] > info['width']) | (boxes[:, 3] > info['height'])
            far |= (boxes[:, 2:] < boxes[:, :2]).any(1)
            outside, total = outside + int(far.sum()), total + len(boxes)
            worst = max(worst, (float(far.mean()) if len(far) else 0.0, info['img_id']))
        if total and outside > self.max_outside * total:
            raise ProposalFileError(
                f'{names}: {100 * outside / total:.0f} % of the boxes leave their images (worst: '
                f'image {worst[1]!r}); the coordinates are probably in the order (y1, x1, y2, '
                'x2), or belong to other images. Convert the original '
                "file again with 'python tools/proposals.py convert' and its order option"
            )


def _locate(path: Path, data_root: Path) -> Path:
    tried = [path] if path.is_absolute() else [data_root / path, path]
    for candidate in tried:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(
        f'no proposal file at {" or ".join(str(p) for p in tried)}; make it with '
        "'python tools/proposals.py generate --help', or correct proposal_file"
    )
