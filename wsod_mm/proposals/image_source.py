"""Which images a proposal job is about: a folder, a list file, a VOC devkit split or a dataset
config."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ProposalFileError
from .ground_truth import GroundTruth, read_voc_boxes

__all__ = ['ImageEntry', 'ImageSource']

_ENDINGS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


@dataclass(frozen=True)
class ImageEntry:
    """One image: its key in a proposal store, its file, and where its boxes are (for recall
    only)."""

    image_id: str
    path: Path
    annotation: Any = None

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels as the training pipeline sees them (EXIF rotation applied);
        reads the header only.

        Raises:
            ProposalFileError: If the file is missing or no image.
        """
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(self.path) as image:
                width, height = image.size
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
            raise ProposalFileError(
                f'cannot read the image {self.path} ({error}); put the file back or take it off the list'
            ) from error
        return (height, width) if turned else (width, height)


class ImageSource(Sequence):
    """The images of a job, in a fixed order, with unique ids.

    Args:
        entries: The images.
        name: What to call the source in messages.

    Raises:
        ProposalFileError: If there is no image, or two images would get the same id.
    """

    def __init__(self, entries: Iterable[ImageEntry], name: str) -> None:
        self.entries = list(entries)
        self.name = name
        if not self.entries:
            raise ProposalFileError(f'no images in {name}')
        seen: dict[str, Path] = {}
        for entry in self.entries:
            other = seen.setdefault(entry.image_id, entry.path)
            if other != entry.path:
                raise ProposalFileError(
                    f'{name}: {other} and {entry.path} would both get the id {entry.image_id!r};'
                    ' the id is the file stem, so rename one or use one store per folder'
                )
        if len(seen) != len(self.entries):
            self.entries = list({entry.image_id: entry for entry in self.entries}.values())

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index):
        return self.entries[index]

    @property
    def ids(self) -> list[str]:
        """Image ids in order."""
        return [entry.image_id for entry in self.entries]

    @classmethod
    def from_folder(cls, folder: str | os.PathLike) -> 'ImageSource':
        """All images below ``folder`` (sub-folders included), sorted by path; id = file stem."""
        folder = Path(folder)
        if not folder.is_dir():
            raise ProposalFileError(f'no such image folder: {folder}')
        files = sorted(p for p in folder.rglob('*') if p.suffix.lower() in _ENDINGS and not p.name.startswith('.'))
        return cls((ImageEntry(p.stem, p) for p in files), str(folder))

    @classmethod
    def from_list(cls, list_file: str | os.PathLike, root: str | os.PathLike | None = None) -> 'ImageSource':
        """A text file with one image path per line (``#`` starts a comment), relative to ``root``
        or to the list's folder."""
        list_file = Path(list_file)
        root = Path(root) if root is not None else list_file.parent
        lines = (line.split('#', 1)[0].strip() for line in _lines(list_file))
        return cls((ImageEntry(Path(line).stem, root / line) for line in lines if line), str(list_file))

    @classmethod
    def from_voc(cls, voc_root: str | os.PathLike, split: str = 'trainval') -> 'ImageSource':
        """One split of a VOC devkit year folder.

        Args:
            voc_root: Folder with ``JPEGImages``, ``ImageSets/Main`` (for instance
                ``data/VOCdevkit/VOC2007``).
            split: Name of the list in ``ImageSets/Main`` (``train``, ``trainval``, ``test`` ...).
        """
        voc_root = Path(voc_root)
        sets = voc_root / 'ImageSets' / 'Main'
        list_file = sets / f'{split}.txt'
        if not list_file.is_file():
            have = sorted(p.stem for p in sets.glob('*.txt') if '_' not in p.stem)
            raise ProposalFileError(
                f'no image set {list_file}; '
                + (
                    f'this devkit has {have}'
                    if have
                    else (f'{voc_root} should be the year folder, which holds JPEGImages and ImageSets')
                )
            )
        stems = [line.split()[0] for line in _lines(list_file) if line.strip()]
        return cls(
            (ImageEntry(s, _voc_image(voc_root, s), voc_root / 'Annotations' / f'{s}.xml') for s in stems),
            f'{voc_root} {split}',
        )

    @classmethod
    def from_config(
        cls,
        config: str | os.PathLike,
        split: str = 'train',
        cfg_options: dict[str, Any] | None = None,
    ) -> 'ImageSource':
        """The images of a dataset config (any MMDetection or wsod_mm dataset; wrappers and
        concatenations are unfolded).

        The dataset is built without its proposals and pipeline and with ``test_mode=True``, so
        nothing is filtered out.

        Args:
            config: Path of an MMEngine config.
            split: ``'train'``, ``'val'`` or ``'test'``: whose dataloader to read.
            cfg_options: Changes to the config, dotted keys as in MMEngine's ``--cfg-options``.

        Raises:
            ProposalFileError: If the config has no such dataloader.
        """
        from mmengine.config import Config
        from mmengine.registry import init_default_scope

        from ..registry import DATASETS

        cfg = Config.fromfile(config)
        if cfg_options:
            cfg.merge_from_dict(cfg_options)
        init_default_scope(cfg.get('default_scope', 'wsod_mm'))
        loader = cfg.get(f'{split}_dataloader')
        if loader is None:
            raise ProposalFileError(f"{config} has no '{split}_dataloader'")
        entries: list[ImageEntry] = []
        for dataset_cfg in _leaves(loader['dataset']):
            dataset_cfg.update(pipeline=[], test_mode=True, lazy_init=False)
            dataset_cfg.pop('proposal_file', None)
            dataset = DATASETS.build(dataset_cfg)
            classes = tuple(dataset.metainfo.get('classes', ()))
            for index in range(len(dataset)):
                info = dataset.get_data_info(index)
                entries.append(
                    ImageEntry(
                        str(info['img_id']),
                        Path(info['img_path']),
                        (info.get('instances', []), classes),
                    )
                )
        return cls(entries, f'{config} ({split})')

    def ground_truth(self, index: int) -> GroundTruth:
        """Boxes of image ``index``; for measuring recall, never for training.

        Raises:
            ProposalFileError: If the source has no annotations or they cannot be read.
        """
        entry = self.entries[index]
        if entry.annotation is None:
            raise ProposalFileError(
                f'{self.name} is a plain list of images without boxes; recall needs a VOC devkit '
                '(--voc-root) or a dataset config (--config)'
            )
        if isinstance(entry.annotation, Path):
            return read_voc_boxes(entry.annotation)
        instances, classes = entry.annotation
        boxes = np.array([i['bbox'] for i in instances], np.float32).reshape(-1, 4)
        names = tuple(classes[i['bbox_label']] if classes else str(i['bbox_label']) for i in instances)
        return GroundTruth(boxes, names, np.array([bool(i.get('ignore_flag', 0)) for i in instances], bool))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProposalFileError(f'cannot read the image list {path}: {error}') from error


def _voc_image(voc_root: Path, stem: str) -> Path:
    path = voc_root / 'JPEGImages' / f'{stem}.jpg'
    if path.is_file():
        return path
    others = (path.with_suffix(ending) for ending in _ENDINGS[1:])
    return next((p for p in others if p.is_file()), path)


def _leaves(cfg: Any) -> list[Any]:
    """The innermost dataset configs below wrappers (``dataset=``) and concatenations
    (``datasets=[...]``)."""
    if 'datasets' in cfg:
        return [leaf for child in cfg['datasets'] for leaf in _leaves(child)]
    if 'dataset' in cfg:
        return _leaves(cfg['dataset'])
    return [cfg]
