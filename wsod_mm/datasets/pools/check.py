"""Is a pool complete? Counts per list, and what is missing."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.registry import init_default_scope
from tqdm import tqdm

from wsod_mm.registry import DATASETS

from ..image_file import read_image_size
from .base_pool import BasePool
from .voc_pool import VOCPool

__all__ = ['VOC_COUNTS', 'ListReport', 'check_lists', 'main']

#: Images of the original lists.
VOC_COUNTS = {('VOC2007', 'trainval'): 5011, ('VOC2012', 'trainval'): 11540, ('VOC2007', 'test'): 4952}

_VOC_LISTS = tuple(f'{year}/ImageSets/Main/{split}.txt' for year, split in VOC_COUNTS)


@dataclass
class ListReport:
    """What there is of one list.

    Attributes:
        source: The list.
        listed: Images in it.
        expected: Images in the original of that name, ``None`` for other lists.
        missing: Image files that are not there.
        unannotated: Annotation files that are not there.
        images: Images with at least one box; 0 if annotations were not read.
        boxes: Boxes, ignored ones included; 0 if annotations were not read.
        small: Images that ``min_size`` keeps out of training; 0 if annotations were not read.
        errors: What is wrong with files that were opened.
    """

    source: str
    listed: int
    expected: int | None = None
    missing: list[str] = field(default_factory=list)
    unannotated: list[str] = field(default_factory=list)
    images: int = 0
    boxes: int = 0
    small: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every image is there and no file that was opened is wrong."""
        return not self.missing and not self.errors

    def lines(self, annotations: bool, most: int = 5) -> Iterator[str]:
        """The report as text.

        Args:
            annotations: Whether annotations were read.
            most: So many names of each kind.
        """
        head = f'{self.source}: {self.listed} images'
        if self.expected is not None:
            head += ', as in the original' if self.expected == self.listed else f' (the original has {self.expected})'
        if annotations:
            head += f'; {self.boxes} boxes in {self.images} images; {self.small} images too small for training'
        yield head
        for what, names in (('images are missing', self.missing), ('files are wrong', self.errors)):
            if names:
                yield f'  {len(names)} {what}:'
                yield from (f'    {name}' for name in names[:most])
        if self.unannotated:
            yield (
                f'  {len(self.unannotated)} images have no annotation (they can be selected, but not be trained on '
                f'with labels), the first: {self.unannotated[0]}'
            )


def check_lists(pool: BasePool, annotations: bool = False) -> list[ListReport]:
    """Check the lists of a pool.

    Args:
        pool: The pool, made with ``check_files=False``.
        annotations: Also read every annotation that is there, as for training, and the header of every image.

    Returns:
        One report per part of the pool.
    """
    missing = set(pool.missing_images())
    reports = []
    for part, source in zip(pool.parts, pool.sources, strict=True):
        path = Path(source)
        key = (path.parent.parent.parent.name, path.stem) if path.parent.parent.name == 'ImageSets' else None
        report = ListReport(source, part.size, VOC_COUNTS.get(key))
        for i in tqdm(range(part.start, part.stop), desc=part.name, delay=5, disable=not annotations):
            if i in missing:
                report.missing.append(pool.image(i)['img_path'])
            path = pool.annotation_path(i)
            lacks = path is not None and not Path(path).is_file()
            if lacks:
                report.unannotated.append(path)
            if annotations:
                _read(pool, i, report, lacks, i in missing)
        reports.append(report)
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the name of the program; ``None``: those of the process.

    Returns:
        0 if everything is there, 1 if something is missing or wrong.
    """
    parser = argparse.ArgumentParser(prog='check_pool.py', description=__doc__)
    parser.add_argument('data_root', nargs='?', help='folder that holds VOC2007 and VOC2012')
    parser.add_argument('--lists', nargs='+', default=_VOC_LISTS, help='image sets in it (default: %(default)s)')
    parser.add_argument('--classes', nargs='+', help='class names (default: the 20 of VOC)')
    parser.add_argument('--config', help='check the pools of this config instead, of any format')
    parser.add_argument('--annotations', action='store_true', help='open every annotation and the header of each image')
    args = parser.parse_args(arguments)
    if (args.data_root is None) == (args.config is None):
        parser.error('give either data_root or --config')
    try:
        absent, pools = _pools_of_config(args.config) if args.config else _voc_pools(args)
    except (ValueError, TypeError, FileNotFoundError) as error:
        print(f'error: {error}')
        return 1
    complete = not absent
    for pool in pools:
        for report in check_lists(pool, args.annotations):
            print(*report.lines(args.annotations), sep='\n')
            complete = complete and report.complete
    for line in absent:
        print(line)
    print('complete' if complete else 'not complete: see above')
    return 0 if complete else 1


def _read(pool: BasePool, i: int, report: ListReport, lacks_annotation: bool, lacks_image: bool) -> None:
    if not lacks_annotation:
        try:
            instances = pool.instances(i)
            report.boxes += len(instances)
            report.images += bool(instances)
        except (ValueError, FileNotFoundError) as error:
            report.errors.append(str(error))
    if not lacks_image:
        try:
            report.small += min(read_image_size(pool.image(i)['img_path'])) < pool.min_size
        except ValueError as error:
            report.errors.append(str(error))


def _voc_pools(args: argparse.Namespace) -> tuple[list[str], list[BasePool]]:
    absent, pools = [], []
    # one by one: a list may be part of another, which only a pool must refuse
    for path in args.lists:
        try:
            pools.append(VOCPool(args.data_root, [path], args.classes, check_files=False))
        except FileNotFoundError as error:
            absent.append(str(error))
    return absent, pools


def _pools_of_config(path: str) -> tuple[list[str], list[BasePool]]:
    from wsod_mm.apis.config import load_config

    config = load_config(path)
    init_default_scope(config.get('default_scope', 'wsod_mm'))
    found: list[dict[str, Any]] = []
    _find_pools(config.to_dict(), found)
    if not found:
        raise ValueError(f'{path} has no dataset of type PoolSubset; give data_root instead')
    return [], [DATASETS.build({**pool, 'check_files': False}) for pool in found]


def _find_pools(node: Any, found: list[dict[str, Any]]) -> None:
    if isinstance(node, dict):
        if node.get('type') == 'PoolSubset' and node['pool'] not in found:
            found.append(node['pool'])
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            _find_pools(value, found)
