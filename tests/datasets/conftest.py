"""Small data sets on disk."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from wsod_mm.proposals.store import ProposalStore

from ._formats import write_image

XML = """<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>"""
SIZE = '<size><width>{w}</width><height>{h}</height><depth>3</depth></size>'
OBJECT = (
    '<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{box[0]}</xmin>'
    '<ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>'
)


class Devkit:
    """A VOC devkit whose annotations a test writes itself; boxes 1-based as in VOC."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.voc = root / 'VOC2007'
        for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
            (self.voc / folder).mkdir(parents=True)

    def image(self, name: str, width: int = 60, height: int = 40) -> Path:
        path = self.voc / 'JPEGImages' / f'{name}.jpg'
        rng = np.random.RandomState(len(name) + width)
        cv2.imwrite(str(path), rng.randint(0, 256, (height, width, 3), np.uint8))
        return path

    def xml(self, name: str, objects=(), width: int = 60, height: int = 40, size: bool = True):
        text = ''.join(OBJECT.format(name=n, difficult=d, box=b) for n, d, b in objects)
        path = self.voc / 'Annotations' / f'{name}.xml'
        shape = SIZE.format(w=width, h=height) if size else ''
        path.write_text(XML.format(name=name, size=shape, objects=text))
        return path

    def split(self, name: str, lines) -> str:
        (self.voc / 'ImageSets/Main' / f'{name}.txt').write_text('\n'.join(lines) + '\n')
        return f'VOC2007/ImageSets/Main/{name}.txt'

    def proposals(self, boxes: dict, name: str = 'p.npz') -> str:
        store = {i: (np.asarray(b, np.float32), np.arange(len(b), 0.0, -1)) for i, b in boxes.items()}
        ProposalStore.from_dict(store, {}).save(self.root / name)
        return name


@pytest.fixture
def devkit(tmp_path) -> Devkit:
    """Three images: a cat with a difficult dog, only a difficult cat, and background."""
    kit = Devkit(tmp_path / 'kit')
    for name in ('1', '2', '3'):
        kit.image(name)
    kit.xml('1', [('cat', 0, (1, 1, 60, 40)), ('dog', 1, (11, 6, 30, 25))])
    kit.xml('2', [('cat', 1, (5, 5, 20, 20))])
    kit.xml('3')
    kit.split('train', ['1', '2', '3'])
    kit.proposals({i: [(0, 0, 29, 19), (10, 5, 49, 34), (20, 8, 59, 39)] for i in '123'})
    return kit


@pytest.fixture
def root(tmp_path):
    """Three images in two folders, without annotations."""
    for name in ('a/1.jpg', 'a/2.jpg', 'b/3.png'):
        write_image(tmp_path / 'img' / name)
    return tmp_path
