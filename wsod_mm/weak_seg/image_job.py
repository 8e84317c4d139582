"""What the processes of an image-wise stage have to know."""

import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsod_mm.utils.io import write_json

from .image_lists import ImageLists
from .image_record import ImageRecord

__all__ = ['ImageJob']


@dataclasses.dataclass(frozen=True)
class ImageJob:
    """An image-wise stage as plain data, handed to its processes as a file.

    Attributes:
        root: Folder of the pipeline.
        stage: Name of the stage.
        worker: ``'module:function'``; the function gets the job and returns one that makes the file of an image.
        lists: Lists whose images are worked on.
        files: File of an image below the stage's folder, with ``{}`` for the id.
        options: For the worker.
        network: ``config`` and ``checkpoint`` of the network, if the worker needs one.
        device: Where networks run, and CRFs that can.
        finish: ``'module:function'`` called with the job when all files are there; ``None``: nothing.
    """

    root: str
    stage: str
    worker: str
    lists: tuple[str, ...]
    files: str
    options: dict[str, Any]
    network: dict[str, str] | None = None
    device: str = 'cpu'
    finish: str | None = None

    @property
    def folder(self) -> Path:
        """Folder of the stage."""
        return Path(self.root, self.stage)

    def records(self) -> list[ImageRecord]:
        """The images."""
        return self.image_lists().of(self.lists)

    def image_lists(self) -> ImageLists:
        """All images of the pipeline."""
        return ImageLists.read(Path(self.root, 'images', 'images.json'))

    def path(self, record: ImageRecord) -> Path:
        """File that the stage makes of an image."""
        return self.folder / self.files.format(record.img_id)

    def file_of(self, stage: str, files: str, record: ImageRecord) -> Path:
        """File that another stage made of an image."""
        return Path(self.root, stage, files.format(record.img_id))

    def make_worker(self) -> Callable[[ImageRecord], None]:
        """The function that makes the file of an image; networks are loaded now."""
        return load_function(self.worker)(self)

    def write(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(dataclasses.asdict(self), path)

    @classmethod
    def read(cls, path: Path) -> 'ImageJob':
        """Read what :meth:`write` wrote."""
        data = json.loads(path.read_text(encoding='utf-8'))
        return cls(**{**data, 'lists': tuple(data['lists'])})


def load_function(name: str) -> Callable[..., Any]:
    """The function of ``'module:function'``."""
    module, _, function = name.partition(':')
    return getattr(importlib.import_module(module), function)
