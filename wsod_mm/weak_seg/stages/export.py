"""Stage ``export``: a folder that MMSegmentation and MMDetection train from."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from wsod_mm.datasets.instance_file import read_instances
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.io import atomic_write, write_json
from wsod_mm.utils.label_png import voc_palette

from ..coco_instances import coco_annotations
from ..config import WeakSegConfig
from ..file_digest import file_digest
from ..image_lists import ImageLists
from ..image_record import ImageRecord
from ..label_sources import LabelSource, label_sources

__all__ = ['export_stage']

_ORIENTATION = 0x0112  # tag of EXIF
_EXAMPLE = """# A data set of MMSegmentation from image labels, made by wsod_mm.
metainfo = dict(classes={classes}, palette={palette})
train_dataset = dict(
    type='BaseSegDataset',
    data_root={root!r},
    ann_file='splits/infer.txt',
    data_prefix=dict(img_path='img_dir', seg_map_path='ann_dir/{source}'),
    img_suffix={suffix!r},
    seg_map_suffix='.png',
    ignore_index=255,
    reduce_zero_label=False,
    metainfo=metainfo)
"""


def export_stage(config: WeakSegConfig) -> Stage:
    """Link images and label maps of the list ``infer`` in MMSegmentation's layout.

    ``img_dir/<id>``, ``ann_dir/<label map>/<id>.png``, ``splits/<list>.txt``, ``mmseg_dataset.py``, an example, and
    with IRN's instances ``instances_infer.json``, COCO annotations.

    Args:
        config: The pipeline.
    """
    sources = label_sources(config)
    with_instances = config.irn is not None and config.irn.instances

    def action(run: StageRun) -> None:
        images = ImageLists.read(run.root / 'images' / 'images.json')
        records = images.of(['infer'])
        suffix = _suffix(records)
        for number, record in enumerate(records):
            run.report(number / len(records), 'linking')
            _add_image(Path(record.img_path), run.folder / 'img_dir' / f'{record.img_id}{suffix}')
            for source in sources:
                name = f'{record.img_id}.png'
                _link(run.root / source.folder / name, run.folder / 'ann_dir' / source.key / name, relative=True)
        there = {record.img_id for record in records}
        for name, ids in images.lists.items():
            text = ''.join(f'{img_id}\n' for img_id in ids if img_id in there)
            with atomic_write(run.folder / 'splits' / f'{name}.txt', '.txt') as temporary:
                temporary.write_text(text, encoding='utf-8')
        if with_instances:
            _write_instances(images, records, suffix, run.root / 'ins_seg' / 'instances', run.folder)
        _write_example(images.classes, sources, suffix, run.folder)

    outputs = ['img_dir', 'splits', 'mmseg_dataset.py', *(f'ann_dir/{source.key}' for source in sources)]
    if with_instances:
        outputs.append('instances_infer.json')
    needs = (*(source.key for source in sources), *(['ins_seg'] if with_instances else []))
    params = {'format': 1, 'lists': {n: file_digest(config.under_data_root(p)) for n, p in config.lists.items()}}
    return Stage('export', action, tuple(outputs), needs, params, seconds=30, after=('images',))


def _suffix(records: Sequence[ImageRecord]) -> str:
    """MMSegmentation takes one; image readers look at the content."""
    suffixes = {Path(record.img_path).suffix for record in records}
    return suffixes.pop() if len(suffixes) == 1 else '.jpg'


def _add_image(source: Path, target: Path) -> None:
    """A link; a copy of an image that OpenCV would turn, as label maps are those of the stored image."""
    if os.path.lexists(target):
        return
    with Image.open(source) as picture:
        turned = picture.getexif().get(_ORIENTATION, 1) not in (0, 1)
    if not turned:
        _link(source.resolve(), target)
        return
    with atomic_write(target, '.png') as temporary:
        Image.fromarray(read_rgb_image(source)).save(temporary, 'PNG')


def _link(source: Path, target: Path, relative: bool = False) -> None:
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(os.path.relpath(source, target.parent) if relative else source)
    except OSError:  # a file system without links
        with atomic_write(target) as temporary:
            shutil.copyfile(source, temporary)


def _write_instances(images: ImageLists, records: Sequence[ImageRecord], suffix: str, folder: Path, out: Path) -> None:
    entries, annotations = [], []
    for number, record in enumerate(records, 1):
        instances = read_instances(folder / f'{record.img_id}.npz')
        height, width = instances.masks.shape[1:]
        entries.append({'id': number, 'file_name': f'{record.img_id}{suffix}', 'height': height, 'width': width})
        for entry in coco_annotations(number, instances):
            annotations.append({'id': len(annotations) + 1, **entry})
    categories = [{'id': number, 'name': name} for number, name in enumerate(images.classes, 1)]
    content = {'images': entries, 'annotations': annotations, 'categories': categories}
    write_json(content, out / 'instances_infer.json', indent=None)


def _write_example(classes: Sequence[str], sources: Sequence[LabelSource], suffix: str, folder: Path) -> None:
    text = _EXAMPLE.format(
        classes=('background', *classes),
        palette=voc_palette()[: len(classes) + 1].tolist(),
        root=str(folder),
        source=sources[-1].key if sources else 'none',
        suffix=suffix,
    )
    with atomic_write(folder / 'mmseg_dataset.py', '.py') as temporary:
        temporary.write_text(text, encoding='utf-8')
