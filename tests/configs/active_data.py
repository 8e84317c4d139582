"""The data of a config of active learning: the same files, but three small images instead of thousands."""

import json
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from tests.datasets._formats import write_image
from tests.datasets.conftest import OBJECT, SIZE, XML
from wsod_mm.registry import DATASETS
from wsod_mm.utils.walk import each_dict

WIDTH, HEIGHT = 96, 64
BOXES = ((3, 3, 60, 50), (20, 10, 90, 60))  # as in VOC, from 1


class SmallData:
    """Writes images and annotations of each list that a config names, and points the config to them.

    Args:
        config: Changed in place: ``data_root``, image sizes, no pre-trained weights; a ResNet has an eighth of the
            channels, and SSD, whose images cannot be smaller, does not train its body.
        folder: Where to write.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.classes: list[str] = []
        each_dict(config._cfg_dict, self._find_pool)
        each_dict(config._cfg_dict, self._place)
        if config.model.backbone.type == 'SSDVGG':
            config.model.trainable = dict(label=('f1', 'f2', 'f_r', 'f_mil'), min=('f_r', 'f_mil'))

    def batch(self, subset: str) -> dict:
        """A batch of the loader ``labeled``, ``unlabeled`` (two images; one of SSD's size) or ``candidates`` (one)."""
        loader = {
            'labeled': self.config.train_dataloader,
            'unlabeled': self.config.get('unlabeled_dataloader'),
            'candidates': self.config.active_learning.get('score_dataloader'),
        }[subset]
        dataset = DATASETS.build(dict(loader.dataset, lazy_init=False))
        number = 1 if subset == 'candidates' or self.config.model.backbone.type == 'SSDVGG' else 2
        return pseudo_collate([dataset[k] for k in range(number)])

    def test_batch(self) -> dict:
        """A batch of one test image."""
        return pseudo_collate([DATASETS.build(self.config.test_dataloader.dataset)[0]])

    def _find_pool(self, entry) -> None:
        if entry.get('type') == 'VOCPool':
            self.classes = list(entry.get('metainfo', {}).get('classes', ('aeroplane', 'bicycle')))
            for name in entry.lists:
                self._write_voc(name)
        elif entry.get('type') == 'CocoPool':
            self._write_coco(entry.ann_file, entry.data_prefix.img)
        elif entry.get('type') in ('VOCDataset', 'XMLDataset'):
            self._write_voc(entry.ann_file)
        elif entry.get('type') == 'CocoDataset':
            self._write_coco(entry.ann_file, entry.data_prefix.img)

    def _place(self, entry) -> None:
        if 'data_root' in entry:
            entry['data_root'] = str(self.folder)
        if entry.get('type') == 'CocoMetric':
            entry['ann_file'] = str(self.folder / 'annotations/instances_val2017.json')
        if entry.get('type') == 'Resize' and entry['keep_ratio']:
            entry['scale'] = (WIDTH, HEIGHT)
        if (entry.get('init_cfg') or {}).get('type') == 'Pretrained':
            entry['init_cfg'] = None
        if entry.get('type') == 'ResNet':
            entry['base_channels'] = 8
        if entry.get('type') == 'FPN' and self.config.model.backbone.type == 'ResNet':
            entry['in_channels'] = [channels // 8 for channels in entry['in_channels']]

    def _write_voc(self, ann_file: str) -> None:
        path = self.folder / ann_file
        devkit, names = path.parents[2], [f'{path.stem}{k}' for k in range(3)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(''.join(f'{name}\n' for name in names))
        (devkit / 'Annotations').mkdir(exist_ok=True)
        for name in names:
            write_image(devkit / 'JPEGImages' / f'{name}.jpg', WIDTH, HEIGHT)
            objects = ''.join(
                OBJECT.format(name=label, difficult=0, box=box)
                for label, box in zip(self.classes[:2], BOXES, strict=True)
            )
            size = SIZE.format(w=WIDTH, h=HEIGHT)
            (devkit / 'Annotations' / f'{name}.xml').write_text(XML.format(name=name, size=size, objects=objects))

    def _write_coco(self, ann_file: str, prefix: str) -> None:
        from mmdet.datasets import CocoDataset

        classes = CocoDataset.METAINFO['classes']
        images = [dict(id=k, file_name=f'{k:012d}.jpg', width=WIDTH, height=HEIGHT) for k in range(3)]
        boxes = [
            dict(
                image_id=image['id'],
                category_id=number,
                bbox=[x1, y1, x2 - x1, y2 - y1],
                area=(x2 - x1) * (y2 - y1),
                iscrowd=0,
            )
            for image in images
            for number, (x1, y1, x2, y2) in enumerate(BOXES)
        ]
        for image in images:
            write_image(self.folder / prefix / image['file_name'], WIDTH, HEIGHT)
        data = dict(
            images=images,
            annotations=[dict(id=number, **box) for number, box in enumerate(boxes)],
            categories=[dict(id=number, name=name) for number, name in enumerate(classes)],
        )
        path = self.folder / ann_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data))


def finite(losses: dict) -> bool:
    """Whether all logged values are numbers."""
    return all(torch.isfinite(value).all() for value in losses.values())
