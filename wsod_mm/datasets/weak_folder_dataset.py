"""Image labels from folder names."""

import os
from pathlib import Path
from typing import Any

from wsod_mm.registry import DATASETS

from .base_weak_dataset import BaseWeakDataset
from .image_file import IMAGE_SUFFIXES
from .options import require_one_of
from .weak_record import WeakRecord

__all__ = ['WeakFolderDataset']


@DATASETS.register_module()
class WeakFolderDataset(BaseWeakDataset):
    """One folder per class, images in it or in its subfolders; one label per image.

    Classes are the folder names in alphabetical order unless ``metainfo=dict(classes=...)`` gives
    them.

    Args:
        data_root: Folder that holds the class folders.
        background_folder: Name of a folder whose images have no label.
        id_from: ``'stem'``: the image id is the file stem, as in proposal files. ``'path'``: the
            path below ``data_root`` without ending (``'cat/001'``), where stems repeat.
        **kwargs: See :class:`BaseWeakDataset`.
    """

    def __init__(
        self,
        data_root: str,
        background_folder: str | None = None,
        id_from: str = 'stem',
        **kwargs: Any,
    ) -> None:
        require_one_of('id_from', id_from, ('stem', 'path'))
        self.background_folder = background_folder
        self.id_from = id_from
        super().__init__(data_root=data_root, **kwargs)

    def load_records(self) -> list[WeakRecord]:
        """See :meth:`BaseWeakDataset.load_records`."""
        root = Path(self.data_root)
        if not root.is_dir():
            raise FileNotFoundError(f'no folder {root}; correct data_root')
        folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith('.'))
        names = [p.name for p in folders if p.name != self.background_folder]
        if not names:
            raise ValueError(f'{root} has no class folders; put the images of each class into a folder of its own')
        self._metainfo.setdefault('classes', tuple(names))
        absent = [n for n in (*self.classes, self.background_folder) if n and n not in {p.name for p in folders}]
        if absent:
            raise ValueError(
                f'{root} has no folder {absent[0]!r}, only {names[:20]}; make it, or correct '
                'metainfo classes or background_folder'
            )
        return [record for folder in folders for record in self._folder(folder, root)]

    def _folder(self, folder: Path, root: Path) -> list[WeakRecord]:
        files = sorted(
            Path(where) / name
            for where, _, found in os.walk(folder)
            for name in found
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')
        )
        if not files:
            raise ValueError(f'{folder} has no images ({", ".join(IMAGE_SUFFIXES)}); add some, or remove the folder')
        labels = set() if folder.name == self.background_folder else {folder.name}
        return [WeakRecord(self._id(file, root), str(file), str(file), set(labels)) for file in files]

    def _id(self, file: Path, root: Path) -> str:
        return file.stem if self.id_from == 'stem' else file.relative_to(root).with_suffix('').as_posix()

    def _mend_duplicates(self) -> str:
        return "rename one, or set id_from='path'"
