"""Small data for the configs of AffinityNet and IRN: two images, their labels, and label files as earlier steps
write them."""

from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from wsod_mm.datasets.soft_label_file import SoftLabels, write_soft_labels
from wsod_mm.utils.label_png import write_label_png
from wsod_mm.utils.walk import each_dict

WIDTH, HEIGHT, CROP = 60, 44, 96
NAMES = ('2007_000001', '2007_000002')
#: channels of the maps of narrow bodies
SMALL_HEADS = {
    'VGG16LargeFOV': (32, 32, 64),
    'ResNet38': (32, 64, 256),
    'ResNetWithStem': (8, 32, 64, 128, 256),
    'ResNet': (256,),
}


def shrink(config: Config, folder: Path) -> Config:
    """Point a training config to two images, and let it crop to 96 pixels a network of narrow layers.

    Args:
        config: Changed in place.
        folder: Where to write.
    """
    body, head = config.model.backbone, config.model.head
    if body.type in SMALL_HEADS:
        if body.type.startswith('ResNet') and body.type != 'ResNet38':
            body.base_channels = 8
        else:
            body.width_mult = 1 / 16
        channels = SMALL_HEADS[body.type]
        head.in_channels = channels[-1] if config.model.type == 'ImageClassifier' else channels

    def place(entry) -> None:
        if 'ann_file' in entry:
            _write_devkit(folder, entry)
        if entry.get('type') in ('LoadSoftLabels', 'LoadLabelMap'):
            _write_labels(folder, entry)
        if entry.get('type') == 'ContainerCrop':
            entry.crop_size = CROP

    each_dict(config._cfg_dict, place)
    return config


def _write_devkit(folder: Path, entry) -> None:
    root = folder / entry.data_prefix.sub_data_root
    names = entry.get('metainfo', {}).get('classes', ('aeroplane', 'tvmonitor'))
    for part in ('JPEGImages', 'Annotations'):
        (root / part).mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(0)
    for name in NAMES:
        Image.fromarray(rng.randint(0, 255, (HEIGHT, WIDTH, 3), np.uint8)).save(root / f'JPEGImages/{name}.jpg')
        boxes = ''.join(
            f'<object><name>{each}</name><difficult>{number}</difficult><bndbox><xmin>3</xmin><ymin>3</ymin>'
            '<xmax>30</xmax><ymax>30</ymax></bndbox></object>'
            for number, each in enumerate((names[0], names[-1]))
        )
        (root / f'Annotations/{name}.xml').write_text(
            f'<annotation><size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>{boxes}'
            '</annotation>'
        )
    list_file = folder / entry.ann_file
    list_file.parent.mkdir(parents=True, exist_ok=True)
    list_file.write_text('\n'.join(NAMES))
    entry.data_root = f'{folder}/'


def _write_labels(folder: Path, entry) -> None:
    entry.folder = str(folder / 'labels')
    label = np.zeros((HEIGHT, WIDTH), np.int64)
    label[:, 20:] = 1
    label[:, 45:] = 255
    soft = np.stack([label == 0, label == 1, np.zeros_like(label)]).astype(np.float32)
    for name in NAMES:
        write_label_png(folder / f'labels/{name}.png', label)
        write_soft_labels(folder / f'labels/{name}.npz', SoftLabels(soft, soft, np.array([0, 1, 2])))
