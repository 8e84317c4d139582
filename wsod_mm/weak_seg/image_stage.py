"""Image-wise stages of the pipeline."""

import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage

from .image_job import ImageJob
from .image_lists import ImageLists

__all__ = ['image_stage']


def image_stage(
    name: str,
    worker: Callable[[ImageJob], Callable],
    files: str,
    lists: Sequence[str],
    needs: Sequence[str],
    options: Mapping[str, Any],
    network: Callable[[Path], dict[str, str]] | None = None,
    params: Mapping[str, Any] | None = None,
    device: str = 'cpu',
    finish: Callable[[ImageJob], None] | None = None,
    outputs: Sequence[str] = (),
    seconds: float = 60.0,
) -> Stage:
    """A stage that makes one file per image, in processes of its own.

    Its key does not depend on which images there are: those of a changed list are added.

    Args:
        name: Name of the stage.
        worker: Function at the top of a module; see :class:`.image_job.ImageJob`.
        files: See there.
        lists: See there.
        needs: Stages whose files it reads.
        options: See there; the stage's key depends on them.
        network: From the folder of the pipeline to config and checkpoint of the network, when it runs.
        params: What else the key depends on.
        device: See there.
        finish: See there; at the top of a module as well.
        outputs: What ``finish`` makes.
        seconds: First guess of the duration.

    Returns:
        The stage. It uses all cores.

    Raises:
        TypeError: If ``worker`` or ``finish`` is not at the top of a module.
    """
    options = copy.deepcopy(dict(options))
    worker_name, finish_name = _name(worker), None if finish is None else _name(finish)

    def action(run: StageRun) -> None:
        job = ImageJob(
            root=str(run.root),
            stage=name,
            worker=worker_name,
            lists=tuple(lists),
            files=files,
            options=options,
            network=None if network is None else network(run.root),
            device=device,
            finish=finish_name,
        )
        path = run.folder / 'job.json'
        job.write(path)
        run.command(['-m', 'wsod_mm.weak_seg.run_images', path, '--workers', str(run.workers)])

    def check(folder: Path) -> None:
        images = ImageLists.read(folder.parent / 'images' / 'images.json')
        absent = [r.img_id for r in images.of(lists) if not (folder / files.format(r.img_id)).is_file()]
        if absent:
            raise ValueError(f'{folder} lacks files of {len(absent)} images, the first is that of {absent[0]!r}')

    return Stage(
        name,
        action,
        (str(PurePosixPath(files).parent), *outputs),
        tuple(needs),
        {'options': options, **(params or {})},
        check,
        seconds,
        alone=True,
        after=('images',),
    )


def _name(function: Callable) -> str:
    found = getattr(sys.modules[function.__module__], function.__qualname__, None)
    if found is not function:
        raise TypeError(f'{function!r} is not at the top of a module, so that no other process finds it')
    return f'{function.__module__}:{function.__qualname__}'
