"""Small data for the configs of CAM and WSOL, and narrow networks."""

from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from tests.configs.weak_devkit import _write_devkit
from wsod_mm.utils.label_png import write_label_png
from wsod_mm.utils.walk import each_dict

WIDTH, HEIGHT = 60, 44
#: sides of images in the pipelines, and what they become
SIDES = {512: 56, 448: 48, 256: 56, 224: 48, 184: 56, 176: 56, 160: 48, 152: 48}


def shrink(config: Config, folder: Path) -> Config:
    """Point a config to two images of two classes, and let it see them small with a sixteenth of the channels.

    Args:
        config: Changed in place.
        folder: Where to write.
    """

    def narrow(entry) -> None:
        kind = entry.get('type')
        if kind in ('ClassifierResize', 'RandomCrop', 'RandomResizedCrop', 'TracedCenterCrop'):
            key = 'crop_size' if 'crop_size' in entry else 'size'
            side = entry[key]
            entry[key] = SIDES[side] if isinstance(side, int) else tuple(SIDES[each] for each in side)
        if kind == 'ResNet':
            entry.base_channels = 4
        if kind == 'VGG16':
            entry.width_mult = 1 / 16
        if kind in ('CAMHead', 'ACoLHead', 'SPGHead') and 'MiniCNN' not in str(config.model.backbone):
            wide = entry.in_channels
            entry.in_channels = wide // 16 if isinstance(wide, int) else tuple(each // 16 for each in wide)
            entry.update({'conv_channels': 8} if entry.get('conv_channels') else {})
            entry.update({'mid_channels': 8} if kind != 'CAMHead' else {})
        if kind in ('MaxBoxAccMetric', 'LocAccuracy', 'PxAPMetric'):
            entry.cam_interval = 0.05
        if 'label_dir' in entry:
            entry.label_dir = str(folder / 'VOC2007/SegmentationClass')

    def place(entry) -> None:
        kind = entry.get('type')
        if kind == 'WeakVOCDataset':
            _write_devkit(folder, entry)
            for name in ('2007_000001', '2007_000002'):
                label = np.full((HEIGHT, WIDTH), 8 if 'unknown' in entry else 1)  # cat among VOC's names, or the first
                label[:9], label[-9:] = 0, 255
                write_label_png(folder / f'VOC2007/SegmentationClass/{name}.png', label)
        elif kind == 'WSOLMetaDataset':
            _write_split(folder, entry)
        elif kind == 'WeakFolderDataset':
            for k, name in enumerate(['bicycle', 'car', 'motorbike'] * 4):
                _write_image(folder / name / f'{k}.jpg', k)
        elif kind == 'ImageSubset':
            entry.seed = None  # the last fifth: a motorbike
            return
        else:
            return
        entry.data_root = f'{folder}/'
        entry.serialize_data = False  # which collects garbage, for half a second

    each_dict(config._cfg_dict, narrow)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        each_dict(config[loader], place)
    return config


def _write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.RandomState(seed).randint(0, 255, (HEIGHT, WIDTH, 3), np.uint8)).save(path)


def _write_split(folder: Path, entry) -> None:
    split = folder / entry.ann_file
    split.mkdir(parents=True, exist_ok=True)
    last = entry.num_classes - 1
    ids = ['c/0.jpg', 'c/1.jpg']
    for k, name in enumerate(ids):
        _write_image(folder / entry.data_prefix.img / name, k)
    text = {
        'image_ids': '\n'.join(ids),
        'class_labels': f'{ids[0]},0\n{ids[1]},{last}',
        'image_sizes': '\n'.join(f'{name},{WIDTH},{HEIGHT}' for name in ids),
        'localization': '\n'.join(f'{name},5,6,{WIDTH},30' for name in ids),
    }
    if entry.get('mask_root'):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[10:30, 5:40] = 255
        (folder / entry.mask_root).mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(folder / entry.mask_root / 'm.png')
        text['localization'] = '\n'.join(f'{name},m.png,' for name in ids)
    for name, lines in text.items():
        (split / f'{name}.txt').write_text(lines + '\n')
