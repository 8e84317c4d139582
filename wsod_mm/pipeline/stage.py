"""One step of a pipeline and the record that it leaves in its folder."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsod_mm.utils.io import write_json

__all__ = ['Stage', 'StageFolder']


@dataclass(frozen=True)
class Stage:
    """One step: what it needs, what its result depends on, how to do it.

    Attributes:
        name: Also its folder below the pipeline's; may hold slashes.
        action: Called with a :class:`~wsod_mm.pipeline.run.StageRun`; does the work inside ``run.folder``.
        outputs: Files or folders that must exist and not be empty afterwards, relative to its
            folder.
        needs: Names of the stages that must be done before.
        params: Plain data that the result depends on. When it changes, the stage and all that need
            it are done again.
        check: Looks at the finished folder and raises ``ValueError`` or ``OSError`` when a result
            is unusable.
        seconds: First guess of its duration, for the estimate of the time left.
        alone: Whether it uses all cores, so that nothing may run beside it.
        after: As ``needs``, but for stages whose results are not part of what this one depends on: when one of them
            is done again, this one is gone on with from what is there, which takes no time when nothing is missing.
    """

    name: str
    action: Callable[[Any], None]
    outputs: tuple[str, ...]
    needs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Path], Any] | None = None
    seconds: float = 10.0
    alone: bool = False
    after: tuple[str, ...] = ()

    @property
    def before(self) -> tuple[str, ...]:
        """Names of all stages that come before."""
        return (*self.needs, *self.after)

    def key(self, needed: Mapping[str, str]) -> str:
        """Hash of everything that the result depends on.

        Args:
            needed: Keys of the stages in ``needs``.

        Returns:
            16 hexadecimal digits.
        """
        content = [self.name, self.params, [needed[name] for name in self.needs]]
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class StageFolder:
    """A stage's folder with its record ``stage.json``: key, state, seconds, sizes of the outputs.

    Args:
        root: Folder of the pipeline.
        stage: The stage.
    """

    RECORD = 'stage.json'

    def __init__(self, root: Path, stage: Stage) -> None:
        self.path = root / stage.name
        self.stage = stage

    def record(self) -> dict[str, Any]:
        """What an earlier run noted; empty when there is nothing readable."""
        try:
            data = json.loads((self.path / self.RECORD).read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def is_done(self, key: str) -> bool:
        """Whether the stage was finished with this key and its outputs are still what they were."""
        record = self.record()
        if record.get('key') != key or record.get('state') != 'done':
            return False
        try:
            if record.get('sizes') != self._sizes():
                return False
            if self.stage.check is not None:
                self.stage.check(self.path)
        except (OSError, ValueError):
            return False
        return True

    def open(self, key: str) -> float:
        """Make the folder ready: kept when the same work was interrupted, else emptied.

        Args:
            key: See :meth:`Stage.key`.

        Returns:
            Seconds that earlier, interrupted attempts took.

        Raises:
            FileExistsError: If the folder holds files and no record, so it is not ours to empty.
        """
        record = self.record()
        if record.get('key') != key and self.path.is_dir():
            if not record and any(self.path.iterdir()):
                raise FileExistsError(
                    f'{self.path} holds files but no {self.RECORD}: it was not made by this '
                    'pipeline. Remove it or choose another --work-dir'
                )
            shutil.rmtree(self.path)
            record = {}
        self.path.mkdir(parents=True, exist_ok=True)
        # a finished stage whose outputs were damaged is repeated from what is left
        seconds = float(record.get('seconds', 0.0)) if record.get('state') == 'running' else 0.0
        self.note(key, 'running', seconds)
        return seconds

    def note(self, key: str, state: str, seconds: float) -> None:
        """Write the record.

        Args:
            key: See :meth:`Stage.key`.
            state: ``'running'`` or ``'done'``.
            seconds: Time spent so far, all attempts together.

        Raises:
            FileNotFoundError: If a finished stage lacks an output.
        """
        data = {'key': key, 'state': state, 'seconds': round(seconds, 2)}
        if state == 'done':
            data['sizes'] = self._sizes()
        write_json(data, self.path / self.RECORD)

    def _sizes(self) -> dict[str, int]:
        """Bytes of each output; of a folder, the number of files below it."""
        sizes = {}
        for name in self.stage.outputs:
            path = self.path / name
            if path.is_dir():
                sizes[name] = sum(1 for file in path.rglob('*') if file.is_file())
            elif path.is_file():
                sizes[name] = path.stat().st_size
            if not sizes.get(name):
                raise FileNotFoundError(f'stage {self.stage.name!r} did not make {path}')
        return sizes
