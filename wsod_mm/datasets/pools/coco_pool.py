"""A pool from annotation files of COCO."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.datasets import CocoDataset

from wsod_mm.registry import DATASETS

from .base_pool import BasePool
from .coco_file import CocoFile
from .image_list import ImageList

__all__ = ['CocoPool']


@DATASETS.register_module()
class CocoPool(BasePool):
    """Images of one or more COCO files, in the order of their ``images``.

    A file may lack ``annotations`` altogether (as those of test images do): its images can then not be labeled. Boxes
    are as in MMDetection: (x, y, x + w, y + h), crowds have ``ignore_flag`` 1, objects with ``ignore`` are left out;
    but labels follow the order of ``classes``, not that of ``categories``. Names are ``file_name``, parts are called
    after the files.

    Args:
        ann_file: COCO file, or several.
        data_prefix: Folder of the images: ``dict(img=...)`` or the folder, or one of these per file.
        data_root: Folder to which both are relative.
        classes: Class names; the 80 of COCO when neither these nor ``metainfo`` name any.
        metainfo: As in a dataset of MMDetection: ``classes``, ``palette``.
        min_size: See :class:`BasePool`.
        unknown: See :class:`BasePool`. For some of the categories give ``classes`` and ``'ignore'``.
        degenerate: See :class:`BasePool`. Here also boxes with a side or an area below one pixel, and such outside of
            the image. ``'drop'`` is what MMDetection does: train2017 has some.
        check_files: See :class:`BasePool`.
        filter_empty_gt: Leave images without any annotation out of the pool, so that train2017 has 117 266 images as in
            the public code's recipe. It looks at annotations of images that count as unlabeled.

    Raises:
        FileNotFoundError: For a missing file.
        ValueError: For a file that is not in COCO format, or lacks one of the classes. See also :class:`BasePool`.
    """

    METAINFO = dict(CocoDataset.METAINFO)

    def __init__(
        self,
        ann_file: str | Sequence[str],
        data_prefix: str | Mapping[str, str] | Sequence[str | Mapping[str, str]] = '',
        data_root: str = '',
        classes: Sequence[str] | None = None,
        metainfo: Mapping[str, Any] | None = None,
        min_size: int = 32,
        unknown: str = 'error',
        degenerate: str = 'drop',
        check_files: bool = True,
        filter_empty_gt: bool = False,
    ) -> None:
        metainfo = self.merge_metainfo(classes, metainfo)
        paths = [Path(data_root) / name for name in ([ann_file] if isinstance(ann_file, str) else ann_file)]
        one = isinstance(data_prefix, (str, Mapping))
        prefixes = [data_prefix] * len(paths) if one else list(data_prefix)
        if len(prefixes) != len(paths):
            raise ValueError(f'ann_file has {len(paths)} files but data_prefix {len(prefixes)} folders; give one each')
        self._files = [CocoFile.read(path, metainfo['classes'], filter_empty_gt) for path in paths]
        images = []
        for path, prefix, file in zip(paths, prefixes, self._files, strict=True):
            folder = Path(data_root) / (prefix if isinstance(prefix, str) else prefix.get('img', ''))
            images.append(ImageList.of_file(path, file.names, [str(folder / name) for name in file.names]))
        super().__init__(images, metainfo, min_size, unknown, degenerate, check_files)

    def image(self, i: int) -> dict[str, Any]:
        """See :meth:`BasePool.image`; ``img_id`` is the one in the file."""
        info = super().image(i)
        file, k = self._locate(i)
        info['img_id'] = file.ids[k]
        height, width = file.sizes[k].tolist()
        if height > 0 and width > 0:
            info.update(height=height, width=width)
        return info

    def instances(self, i: int) -> list[dict[str, Any]]:
        """See :meth:`BasePool.instances`."""
        self._check_id(i)
        file, k = self._locate(i)
        source = f'{file.path}, image {file.ids[k]} ({self.names[i]})'
        if file.starts is None:
            raise FileNotFoundError(
                f'{source} is to be trained on with labels, but the file has no "annotations"; annotate it and '
                'give the complete file, or take the id out of the labeled set'
            )
        instances = []
        for row in range(file.starts[k], file.starts[k + 1]):
            name = file.categories[file.category[row]] if file.category[row] >= 0 else None
            if name is None:
                raise ValueError(f'{source}: a category_id is not in "categories"; correct the annotation')
            if file.label[row] < 0:
                self._unknown_class(name, source)
                continue
            x, y, w, h = box = file.boxes[row].tolist()
            if not np.isfinite(box).all():
                raise ValueError(f'{source}: an object of {name!r} has no "bbox": [x, y, w, h]; add or remove it')
            corners = [x, y, x + w, y + h]
            if w < 1 or h < 1 or file.area[row] <= 0 or self._is_outside(corners, file.sizes[k]):
                if self.degenerate == 'error':
                    raise ValueError(
                        f'{source}: the box of {name!r} is smaller than a pixel or outside of the image: x, y, w, h = '
                        f"{box}; correct or remove it, or set degenerate='drop' in the pool"
                    )
                continue
            instances.append(dict(bbox=corners, bbox_label=int(file.label[row]), ignore_flag=int(file.crowd[row])))
        return instances

    def _locate(self, i: int) -> tuple[CocoFile, int]:
        k = self.part_index(i)
        return self._files[k], i - self.parts[k].start

    @staticmethod
    def _is_outside(corners: list[float], size: np.ndarray) -> bool:
        height, width = size.tolist()
        if height <= 0 or width <= 0:
            return False
        x1, y1, x2, y2 = corners
        return min(x2, width) <= max(x1, 0) or min(y2, height) <= max(y1, 0)
