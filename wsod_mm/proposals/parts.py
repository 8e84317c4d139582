"""The unfinished part of a generation job, on disk."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.io import write_json
from .errors import ProposalFileError
from .store import ProposalStore

__all__ = ['PartsFolder']


class PartsFolder:
    """Folder ``<out>.parts`` with one small store per finished chunk of images, and ``job.json``,
    what the job is.

    A chunk file appears under its name only when it is whole, so a job that was killed at any
    moment goes on with the chunks that are absent.

    Args:
        out: The file that the job is to write.
        job: Description of the job: options and image ids. Chunks of another job are never mixed
            in.
        restart: Throw away what is there.

    Raises:
        ProposalFileError: If the folder holds the chunks of a different job.
    """

    def __init__(self, out: Path, job: Mapping[str, Any], restart: bool = False) -> None:
        self.folder = out.with_name(out.name + '.parts')
        if restart and self.folder.exists():
            shutil.rmtree(self.folder)
        note = self.folder / 'job.json'
        job = json.loads(json.dumps(dict(job)))
        if note.is_file():
            before = json.loads(note.read_text(encoding='utf-8'))
            changed = [
                f'{key}: {before.get(key)!r} -> {job.get(key)!r}'
                for key in sorted({*before, *job})
                if before.get(key) != job.get(key)
            ]
            if changed:
                raise ProposalFileError(
                    f'{self.folder} holds an unfinished job with other settings'
                    f' ({"; ".join(changed)}). Repeat its settings to go on, or start over with'
                    ' --restart'
                )
        else:
            write_json(job, note)

    @staticmethod
    def digest(ids: list[str]) -> str:
        """Short hash of a list of ids."""
        return hashlib.sha256('\n'.join(ids).encode()).hexdigest()[:16]

    def path(self, chunk: int) -> Path:
        """File of a chunk."""
        return self.folder / f'{chunk:06d}.npz'

    def put(self, chunk: int, boxes: Mapping[str, np.ndarray]) -> None:
        """Store the boxes of a chunk."""
        ProposalStore.from_dict({i: (b, None) for i, b in boxes.items()}).save(self.path(chunk))

    def get(self, chunk: int, ids: list[str]) -> ProposalStore | None:
        """The stored chunk, or ``None`` when it is absent, damaged, or of other images (it is then
        made again)."""
        try:
            store = ProposalStore.load(self.path(chunk))
        except (FileNotFoundError, ProposalFileError):
            return None
        return store if store.ids == ids else None

    def remove(self) -> None:
        """Delete the folder; for when the result is safely on disk."""
        shutil.rmtree(self.folder)
