"""A pool from any detection dataset."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from mmdet.datasets import BaseDetDataset
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from wsod_mm.registry import DATASETS

from .base_pool import BasePool
from .image_list import ImageList

__all__ = ['DatasetPool']


@DATASETS.register_module()
class DatasetPool(BasePool):
    """Images of one or more detection datasets of MMDetection or of this package.

    The datasets are built in test mode, without filter and pipeline, so that their order is that of their files. Most
    of them read all annotations when they are built, those of unlabeled images too, although these never reach a
    sample; where there are none yet, use :class:`VOCPool` or :class:`CocoPool`.

    Args:
        dataset: Config of a dataset, of a ``ConcatDataset``, or several configs; each dataset is a part. Its
            ``filter_cfg`` and ``pipeline`` are not used.
        metainfo: Goes before that of the datasets.
        min_size: See :class:`BasePool`.
        degenerate: See :class:`BasePool`.
        check_files: See :class:`BasePool`.

    Raises:
        TypeError: For something that is not the config of a dataset with boxes.
        ValueError: If the datasets differ in their classes. See also :class:`BasePool`.
    """

    def __init__(
        self,
        dataset: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        metainfo: Mapping[str, Any] | None = None,
        min_size: int = 32,
        degenerate: str = 'error',
        check_files: bool = True,
    ) -> None:
        configs = _flatten([dataset] if isinstance(dataset, Mapping) else dataset)
        self._datasets = [_build(config) for config in configs]
        found = [tuple(part.metainfo.get('classes') or ()) for part in self._datasets]
        if len(set(found)) > 1:
            raise ValueError(f'the datasets of a pool differ in their classes: {found}; give all the same metainfo')
        metainfo = self.merge_metainfo(None, {**self._datasets[0].metainfo, **(metainfo or {})})
        images = []
        for part in self._datasets:
            infos = [part.get_data_info(k) for k in range(len(part))]
            images.append(
                ImageList.of_file(
                    part.ann_file or part.data_root or type(part).__name__,
                    names=[str(info.get('img_id', info['img_path'])) for info in infos],
                    paths=[str(info['img_path']) for info in infos],
                )
            )
        super().__init__(images, metainfo, min_size, degenerate=degenerate, check_files=check_files)

    def image(self, i: int) -> dict[str, Any]:
        """See :meth:`BasePool.image`."""
        image, info = super().image(i), self._info(i)
        image['img_id'] = info.get('img_id', image['img_id'])
        if info.get('height') and info.get('width'):
            image.update(height=int(info['height']), width=int(info['width']))
        return image

    def instances(self, i: int) -> list[dict[str, Any]]:
        """See :meth:`BasePool.instances`; entries keep what else the dataset gives, such as masks."""
        info = self._info(i)
        source = f'{self.sources[self.part_index(i)]}, image {self.names[i]}'
        if 'instances' not in info:
            raise ValueError(f'{source}: the dataset gives no boxes for it; use one that does, or label other images')
        instances = [{'ignore_flag': 0, **instance} for instance in info['instances']]
        for instance in instances:
            if not 0 <= instance['bbox_label'] < len(self.metainfo['classes']):
                raise ValueError(
                    f'{source}: bbox_label {instance["bbox_label"]} is not in 0..{len(self.metainfo["classes"]) - 1}; '
                    'correct it or give all classes in metainfo'
                )
        return self._checked(instances, source)

    def _info(self, i: int) -> dict[str, Any]:
        self._check_id(i)
        k = self.part_index(i)
        return self._datasets[k].get_data_info(i - self.parts[k].start)


def _flatten(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    flat = []
    for config in configs:
        if not isinstance(config, Mapping):
            raise TypeError(f'dataset must be the config of a dataset or several, got {type(config).__name__}')
        config = copy.deepcopy(dict(config))
        if config.get('type') == 'ConcatDataset':
            flat += _flatten(config['datasets'])
        elif 'dataset' in config or 'datasets' in config:
            raise TypeError(
                f'a {config.get("type")} repeats images or changes their order, but an image of a pool must have one '
                'id; give the dataset inside of it, and wrap the PoolSubset'
            )
        else:
            flat.append(config)
    if not flat:
        raise ValueError('dataset is empty; give the config of at least one dataset')
    return flat


def _build(config: dict[str, Any]) -> BaseDataset:
    if config.pop('filter_cfg', None):
        print_log(
            f'filter_cfg of {config.get("type")} is not used: ids must not depend on it; use min_size of the pool',
            logger='current',
        )
    config.update(pipeline=[], test_mode=True, lazy_init=False)
    dataset = DATASETS.build(config)
    if not isinstance(dataset, BaseDetDataset):
        raise TypeError(f'{type(dataset).__name__} is no detection dataset of MMDetection; give one with boxes')
    return dataset
