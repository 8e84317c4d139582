"""Small devkits of two years, and a COCO file."""

import json

import pytest

from .._formats import write_image
from ..conftest import Devkit


class Year(Devkit):
    """One of several devkits side by side; ``split`` and the rest as in :class:`Devkit`."""

    def __init__(self, root, folder):
        self.root = root
        self.voc = root / folder
        for name in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
            (self.voc / name).mkdir(parents=True)

    def split(self, name, lines):
        path = f'{self.voc.name}/ImageSets/Main/{name}.txt'
        (self.root / path).write_text(''.join(f'{line}\n' for line in lines))
        return path


@pytest.fixture
def years(tmp_path):
    """VOC2007 with 000005, 000007, 000009 (in another order) and VOC2012 with two images."""
    old, new = Year(tmp_path, 'VOC2007'), Year(tmp_path, 'VOC2012')
    for name in ('000005', '000007', '000009'):
        old.image(name)
        old.xml(name)
    old.xml('000005', [('cat', 0, (1, 1, 60, 40)), ('dog', 1, (11, 6, 30, 25)), ('dog', 0, (3, 4, 20, 30))])
    old.xml('000007', [('dog', 0, (5, 5, 20, 20)), ('dog', 0, (1, 2, 3, 4))])
    old.split('trainval', ['000007', '000005', '000009'])
    for name, size in (('2008_000001', (40, 60)), ('2008_000002', (60, 20))):
        new.image(name, *size)
        new.xml(name, [('cat', 0, (2, 2, 10, 10))], *size)
    new.split('trainval', ['2008_000001', '2008_000002'])
    return old, new


@pytest.fixture
def coco(tmp_path):
    """Writes a COCO file and its images; returns what ``CocoPool`` needs."""

    def write(name='train.json', images=(), annotations=(), folder='img', sizes=True, categories=('dog', 'cat')):
        entries = []
        for image_id, file_name in images:
            write_image(tmp_path / folder / file_name, 60, 40)
            entries.append(dict(id=image_id, file_name=file_name, **(dict(height=40, width=60) if sizes else {})))
        data = dict(images=entries, categories=[dict(id=10 * k + 1, name=c) for k, c in enumerate(categories)])
        if annotations is not None:
            data['annotations'] = [dict(id=k, **a) for k, a in enumerate(annotations)]
        (tmp_path / name).write_text(json.dumps(data))
        return dict(ann_file=name, data_prefix=folder, data_root=str(tmp_path), classes=('cat', 'dog'))

    return write
