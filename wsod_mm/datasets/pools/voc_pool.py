"""A pool from image sets of VOC devkits."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets import VOCDataset

from wsod_mm.registry import DATASETS

from ..voc_files import read_image_set, read_voc_xml
from .base_pool import BasePool
from .image_list import ImageList

__all__ = ['VOCPool']


@DATASETS.register_module()
class VOCPool(BasePool):
    """Images of one or more VOC image sets; with the default lists ids 0..5010 are VOC2007 and 5011..16550 VOC2012.

    The devkit of a list is the folder that holds ``ImageSets``; images lie in its ``JPEGImages`` and annotations in its
    ``Annotations``. An image needs its XML once it is labeled, not before. Boxes are as in MMDetection: integers,
    counted from 0; ``difficult`` objects have ``ignore_flag`` 1. Sizes are read from the headers of the images.

    Part names: ``'07'`` for VOC2007, otherwise the folder of the devkit.

    Source: order of ids, boxes and ``min_size`` as in the public code.

    Args:
        data_root: Folder to which the lists are relative.
        lists: Image sets, in the order of the ids.
        classes: Class names; the 20 of VOC when neither these nor ``metainfo`` name any.
        metainfo: As in a dataset of MMDetection: ``classes``, ``palette``.
        min_size: See :class:`BasePool`.
        unknown: See :class:`BasePool`.
        degenerate: See :class:`BasePool`.
        check_files: See :class:`BasePool`.
        img_suffix: Ending of image files.

    Raises:
        FileNotFoundError: For a missing list or image.
        ValueError: See :class:`BasePool`.
    """

    METAINFO = dict(VOCDataset.METAINFO)

    def __init__(
        self,
        data_root: str = '',
        lists: Sequence[str] = ('VOC2007/ImageSets/Main/trainval.txt', 'VOC2012/ImageSets/Main/trainval.txt'),
        classes: Sequence[str] | None = None,
        metainfo: Mapping[str, Any] | None = None,
        min_size: int = 32,
        unknown: str = 'error',
        degenerate: str = 'error',
        check_files: bool = True,
        img_suffix: str = '.jpg',
    ) -> None:
        if isinstance(lists, str):
            lists = (lists,)
        self._devkits: list[Path] = []
        images = []
        for path in (Path(data_root) / name for name in lists):
            names = read_image_set(path)
            devkit = path.absolute().parents[2] if len(path.parents) < 4 else path.parents[2]
            paths = [str(devkit / 'JPEGImages' / f'{name}{img_suffix}') for name in names]
            self._devkits.append(devkit)
            images.append(ImageList.of_file(path, names, paths))
        super().__init__(
            images, self.merge_metainfo(classes, metainfo), min_size, unknown, degenerate, check_files=check_files
        )
        self._labels = {name: k for k, name in enumerate(self.metainfo['classes'])}

    def annotation_path(self, i: int) -> str:
        """The XML of an image, whether or not it is there."""
        self._check_id(i)
        k = self.part_index(i)
        return str(self._devkits[k] / 'Annotations' / f'{self.parts[k].local_name(self.names[i])}.xml')

    def instances(self, i: int) -> list[dict[str, Any]]:
        """See :meth:`BasePool.instances`."""
        path = self.annotation_path(i)
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'image {self.names[i]!r} (id {i}) is to be trained on with labels, but there is no annotation {path}; '
                'annotate the image, or take its id out of the labeled set'
            )
        _, _, objects = read_voc_xml(path, with_boxes=True)
        instances = []
        for box in objects:
            if box.name not in self._labels:
                self._unknown_class(box.name, path)
                continue
            instances.append(
                dict(
                    bbox=[_pixel(value) for value in box.bbox],
                    bbox_label=self._labels[box.name],
                    ignore_flag=int(box.difficult),
                )
            )
        return self._checked(instances, path)


def _pixel(value: float) -> float:
    """A few files of VOC2012 have fractions; MMDetection cuts them off before it subtracts 1."""
    return float(math.trunc(value + 1) - 1) if math.isfinite(value) else value
