"""A tiny VOC devkit of drawn images, with known sizes and objects."""

from pathlib import Path

import cv2
import numpy as np
import pytest

# (stem, width, height, objects: (name, x1, y1, x2, y2 0-based, difficult)); no image is square
IMAGES = (
    ('000005', 120, 80, (('cat', 20, 10, 79, 59, 0), ('dog', 90, 30, 119, 79, 0))),
    ('000007', 80, 130, (('cat', 0, 40, 49, 129, 0), ('dog', 60, 5, 75, 20, 1))),
    ('000012', 150, 90, (('dog', 30, 20, 129, 69, 0),)),
)


def _xml(objects) -> str:
    items = ''.join(
        f'<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>'
        f'<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>'
        f'<xmax>{x2 + 1}</xmax><ymax>{y2 + 1}</ymax></bndbox></object>'
        for name, x1, y1, x2, y2, difficult in objects
    )
    return f'<annotation>{items}</annotation>'


def draw_image(width: int, height: int, objects, seed: int) -> np.ndarray:
    """Smooth clutter with one flat rectangle per object, uint8 [H,W,3]."""
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(rng.integers(0, 120, (height, width, 3), np.uint8), (0, 0), 3)
    for _, x1, y1, x2, y2, _ in objects:
        image[y1 : y2 + 1, x1 : x2 + 1] = rng.integers(130, 255, 3)
    return image


@pytest.fixture
def voc_root(tmp_path: Path) -> Path:
    """Year folder of the devkit; the split is called ``trainval``."""
    root = tmp_path / 'VOC2007'
    for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (root / folder).mkdir(parents=True)
    for seed, (stem, width, height, objects) in enumerate(IMAGES):
        image = draw_image(width, height, objects, seed)
        cv2.imwrite(str(root / 'JPEGImages' / f'{stem}.jpg'), image)
        (root / 'Annotations' / f'{stem}.xml').write_text(_xml(objects))
    stems = '\n'.join(stem for stem, *_ in IMAGES)
    (root / 'ImageSets' / 'Main' / 'trainval.txt').write_text(stems + '\n')
    (root / 'ImageSets' / 'Main' / 'train.txt').write_text('000005\n000012\n')
    return root


@pytest.fixture
def boxes() -> dict[str, np.ndarray]:
    """60 proposals per image in our convention; many touch the borders, as real ones do."""
    rng = np.random.default_rng(3)
    result = {}
    for stem, width, height, _ in IMAGES:
        limit = np.array([width, height])
        start = np.floor(rng.uniform(0, 0.6, (60, 2)) * limit)
        start[:20] = 0
        end = np.minimum(start + 10 + np.floor(rng.uniform(0, 0.5, (60, 2)) * limit), limit - 1)
        end[20:40] = limit - 1
        end[0] = limit - 1
        result[stem] = np.concatenate([start, end], axis=1).astype(np.float32)
    return result
