"""What all pools share."""

import math
import os
import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..image_file import read_image_size
from ..options import require_one_of
from .image_list import ImageList
from .pool_part import PoolPart

__all__ = ['BasePool']


class BasePool(ABC):
    """All images of an experiment in active learning; an image is an id ``0 .. len(pool) - 1``.

    Ids follow the order of the lists and never shift: nothing is filtered. Annotations are read for one image at a
    time, when they are asked for, so that images without any may be in the pool.

    Args:
        lists: The lists, in the order of the ids.
        metainfo: ``classes``, perhaps ``palette``; see :meth:`merge_metainfo`.
        min_size: Images with a side shorter than this are left out of training by :class:`PoolSubset`. 0: none are, and
            training does not look at sizes beforehand.
        unknown: An object of a class that is not in ``classes``: ``'error'`` or ``'ignore'`` (as if it were not there).
        degenerate: A box without area, or with a coordinate that is not finite: ``'error'`` or ``'drop'``.
        check_files: Look for every image file at start (by listing folders, images are not opened).

    Attributes:
        names: ``[n]``, unique. The name of the list, with the folder of the list before it where two lists share one.
        parts: The lists as ranges of ids.
        metainfo: As given.
        min_size: As given.

    Raises:
        ValueError: For an image that is listed twice, no images at all, or an unknown option.
        FileNotFoundError: For missing images.
    """

    METAINFO: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        lists: Sequence[ImageList],
        metainfo: dict[str, Any],
        min_size: int = 32,
        unknown: str = 'error',
        degenerate: str = 'error',
        check_files: bool = True,
    ) -> None:
        require_one_of('unknown', unknown, ('error', 'ignore'))
        require_one_of('degenerate', degenerate, ('error', 'drop'))
        self.metainfo = metainfo
        self.min_size = min_size
        self.unknown = unknown
        self.degenerate = degenerate
        self.sources = [images.source for images in lists]
        self._paths = [path for images in lists for path in images.paths]
        if not self._paths:
            raise ValueError(f'no images in {", ".join(self.sources) or "a pool without lists"}; give other lists')
        self._check_unique(lists)
        labels = _distinct([images.label for images in lists], [images.detail for images in lists])
        names = [name for images in lists for name in images.names]
        prefixes = [''] * len(lists)
        if len(set(names)) < len(names):
            prefixes = [f'{folder}/' for folder in _distinct([images.folder for images in lists], labels)]
        self.names = [prefix + name for prefix, images in zip(prefixes, lists, strict=True) for name in images.names]
        self.parts: list[PoolPart] = []
        start = 0
        for label, prefix, images in zip(labels, prefixes, lists, strict=True):
            self.parts.append(PoolPart(label, start, len(images.names), prefix))
            start += len(images.names)
        self._starts = [part.start for part in self.parts]
        if check_files:
            self._check_files()

    def __len__(self) -> int:
        return len(self._paths)

    def image(self, i: int) -> dict[str, Any]:
        """What is known about an image without opening a file.

        Args:
            i: Its id.

        Returns:
            ``img_path``, ``img_id``, and ``height`` and ``width`` if the list gives them.

        Raises:
            IndexError: For an id that is not in the pool.
        """
        self._check_id(i)
        part = self.parts[self.part_index(i)]
        return dict(img_path=self._paths[i], img_id=part.local_name(self.names[i]))

    @abstractmethod
    def instances(self, i: int) -> list[dict[str, Any]]:
        """Read the annotation of an image.

        Args:
            i: Its id.

        Returns:
            ``bbox`` (x1, y1, x2, y2 in pixels of the file), ``bbox_label`` and ``ignore_flag`` of each object.

        Raises:
            FileNotFoundError: If there is no annotation.
            ValueError: For wrong content; the message names file and fix.
        """

    def annotation_path(self, i: int) -> str | None:
        """File that holds nothing but the annotation of this image; ``None`` where the format has no such file."""
        return None

    def record(self, i: int, labeled: bool) -> dict[str, Any]:
        """Entry of an image for the data list of a dataset of MMDetection.

        Args:
            i: Its id.
            labeled: Read its annotation. Otherwise that file is not opened and ``instances`` is empty.

        Returns:
            ``img_path``, ``img_id``, ``height``, ``width`` and ``instances``. The size is that of the list, or else of
            the header of the image, never of the annotation: it does not depend on ``labeled``.

        Raises:
            IndexError: For an id that is not in the pool.
            FileNotFoundError: If the image is missing, or its annotation.
            ValueError: See :meth:`instances`.
        """
        info = self.image(i)
        if 'height' not in info:
            info['height'], info['width'] = read_image_size(info['img_path'])
        info['instances'] = self.instances(i) if labeled else []
        return info

    def part_index(self, i: int) -> int:
        """Position in ``parts`` of the one that an image belongs to."""
        return bisect_right(self._starts, i) - 1

    def missing_images(self) -> list[int]:
        """Ids of images whose file is not there. Lists folders; opens nothing."""
        by_folder = defaultdict(list)
        for i, path in enumerate(self._paths):
            folder, name = os.path.split(path)
            by_folder[folder].append((i, name))
        missing = []
        for folder, images in by_folder.items():
            there = set(os.listdir(folder or '.')) if os.path.isdir(folder or '.') else set()
            missing += [i for i, name in images if name not in there]
        return sorted(missing)

    @classmethod
    def merge_metainfo(cls, classes: Sequence[str] | None, metainfo: Mapping[str, Any] | None) -> dict[str, Any]:
        """Classes and colours.

        Args:
            classes: Short for ``metainfo=dict(classes=...)``.
            metainfo: Goes before that of the format.

        Returns:
            ``classes`` (tuple), and ``palette`` if there are colours for all of them.

        Raises:
            ValueError: For classes given twice, as one string, or none.
        """
        given = dict(metainfo or {})
        if classes is not None:
            if 'classes' in given:
                raise ValueError('classes are given both in classes and in metainfo; remove one of them')
            given['classes'] = classes
        merged = {**cls.METAINFO, **given}
        names = merged.get('classes')
        if isinstance(names, str):
            raise ValueError(f'classes is the string {names!r}; for a single class write classes=({names!r},)')
        if not names:
            raise ValueError(f'{cls.__name__} needs classes=(...), in the order of the outputs of the model')
        merged['classes'] = tuple(names)
        doubles = [name for name, count in Counter(merged['classes']).items() if count > 1]
        if doubles:
            raise ValueError(f'classes hold {doubles} more than once; give every class once')
        if 'palette' not in given and 'classes' in given:
            colours = dict(zip(cls.METAINFO.get('classes', ()), cls.METAINFO.get('palette', ()), strict=True))
            merged.pop('palette', None)
            if all(name in colours for name in merged['classes']):
                merged['palette'] = [colours[name] for name in merged['classes']]
        return merged

    def _checked(self, instances: list[dict[str, Any]], source: str) -> list[dict[str, Any]]:
        """Boxes that a detector can be trained with. A width is x2 - x1 in MMDetection: 0 gives a target of -inf."""
        kept = []
        for instance in instances:
            x1, y1, x2, y2 = box = instance['bbox']
            # an ignored box is no target, so that it may be a line
            no_area = (x2 < x1 or y2 < y1) if instance['ignore_flag'] else (x2 <= x1 or y2 <= y1)
            if no_area or not all(math.isfinite(value) for value in box):
                if self.degenerate == 'error':
                    name = self.metainfo['classes'][instance['bbox_label']]
                    raise ValueError(
                        f'{source}: the box of {name!r} has no area: x1, y1, x2, y2 = {list(box)} (counted from 0); '
                        "correct or remove it, or set degenerate='drop' in the pool"
                    )
                continue
            kept.append(instance)
        return kept

    def _unknown_class(self, name: str, source: str) -> None:
        if self.unknown == 'error':
            classes = self.metainfo['classes']
            raise ValueError(
                f'{source}: class {name!r} is not among the {len(classes)} classes {list(classes)[:20]}; add it to '
                "classes of the pool, correct the file, or set unknown='ignore' to leave such objects out"
            )

    def _check_id(self, i: int) -> None:
        if not 0 <= i < len(self):
            raise IndexError(f'the pool has the ids 0..{len(self) - 1}, got {i}; were the ids made for another pool?')

    @staticmethod
    def _check_unique(lists: Sequence[ImageList]) -> None:
        first: dict[str, str] = {}
        for images in lists:
            own = set()
            for name, path in zip(images.names, images.paths, strict=True):
                other = images.source if name in own else first.get(path)
                if other is not None:
                    raise ValueError(
                        f'image {name!r} is listed twice: in {other} and in {images.source}; an image must have one id '
                        'only: take it out of one of them'
                    )
                own.add(name)
                first[path] = images.source

    def _check_files(self) -> None:
        missing = self.missing_images()
        if missing:
            paths = ', '.join(self._paths[i] for i in missing[:5]) + (', ...' if len(missing) > 5 else '')
            raise FileNotFoundError(
                f'{len(missing)} of the {len(self)} images listed in {", ".join(self.sources)} do not exist: {paths}; '
                'correct data_root, or take them out of the lists before the first cycle (later the ids would shift)'
            )


def _distinct(labels: Sequence[str], details: Sequence[str]) -> list[str]:
    """Make labels unique: add the detail to those that occur twice, then a number. All become fit for file names."""
    labels = [re.sub(r'[^\w.-]+', '_', label) or 'pool' for label in labels]
    counts = Counter(labels)
    labels = [
        f'{label}_{re.sub(r"[^A-Za-z0-9.-]+", "_", detail)}' if counts[label] > 1 and detail != label else label
        for label, detail in zip(labels, details, strict=True)
    ]
    seen: Counter[str] = Counter()
    distinct: list[str] = []
    for label in labels:
        seen[label] += 1
        name = label if seen[label] == 1 else f'{label}_{seen[label]}'
        while name in distinct:
            seen[label] += 1
            name = f'{label}_{seen[label]}'
        distinct.append(name)
    return distinct
