"""``latest.pth``: the newest checkpoint under the name that it had in MMDetection 2."""

import contextlib
import os
import shutil
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from wsod_mm.registry import HOOKS
from wsod_mm.utils.io import atomic_write

__all__ = ['LatestLinkHook', 'link_latest']


def link_latest(checkpoint: str | Path, link: str | Path) -> None:
    """Make ``link`` a relative symbolic link to a file, or a copy of it where the file system has no such links.

    The old link is replaced in one step; there is one at every moment.

    Args:
        checkpoint: An existing file.
        link: The name to give it; its folder is made when missing.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
    """
    checkpoint, link = Path(checkpoint).absolute(), Path(link).absolute()
    if not checkpoint.is_file():
        raise FileNotFoundError(f'{link.name} cannot point to {checkpoint}: there is no such file')
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f'.{link.name}.{os.getpid()}.tmp')
    with contextlib.suppress(FileNotFoundError):  # left by a killed process of this id
        temporary.unlink()
    try:
        os.symlink(os.path.relpath(checkpoint, link.parent), temporary)
        os.replace(temporary, link)
    except (OSError, NotImplementedError):
        temporary.unlink(missing_ok=True)
        with atomic_write(link) as copy:
            shutil.copyfile(checkpoint, copy)


@HOOKS.register_module()
class LatestLinkHook(Hook):
    """Keep ``latest.pth`` pointing to the newest checkpoint of training, see :func:`link_latest`.

    Args:
        out_dir: Folder of the link; ``None``: the work directory. In active learning, that of the experiment.
        name: Name of the link.
    """

    priority = 'LOWEST'  # after the checkpoint hook

    def __init__(self, out_dir: str | None = None, name: str = 'latest.pth') -> None:
        self.out_dir = out_dir
        self.name = name
        self._linked: str | None = None

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Link a checkpoint that was written by iteration."""
        self._update(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Link a checkpoint that was written by epoch."""
        self._update(runner)

    def _update(self, runner: Runner) -> None:
        last = runner.message_hub.runtime_info.get('last_ckpt')
        if last is None or last == self._linked or not is_main_process():
            return
        self._linked = last
        if Path(last).is_file():  # not so: that of a run that was resumed, since deleted, or on another machine
            link_latest(last, Path(self.out_dir or runner.work_dir) / self.name)
