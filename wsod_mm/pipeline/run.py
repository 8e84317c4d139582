"""What a stage's action works with: its folder, its workers, and tools as child processes."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from wsod_mm.utils.paths import package_root

from .log_lines import Progress, parse_progress

__all__ = ['StageError', 'StageRun', 'StageStopped']


class StageError(RuntimeError):
    """A stage failed; the message names it, its log, and the end of what it printed."""


class StageStopped(Exception):
    """A stage was asked to stop; it goes on from there the next time."""


class StageRun:
    """One attempt at a stage.

    Attributes:
        name: Name of the stage.
        folder: Where it works.
        root: Folder of the pipeline.
        workers: Processes that its tools may start.
        fraction: 0 to 1, how far it is; ``None`` while unknown.
        text: A few words on what it is doing.

    Args:
        name: Name of the stage.
        root: Folder of the pipeline.
        workers: Processes that its tools may start.
    """

    def __init__(self, name: str, root: Path, workers: int = 1) -> None:
        self.name = name
        self.root = root
        self.folder = root / name
        self.workers = workers
        self.fraction: float | None = None
        self.text = ''
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def report(self, fraction: float | None, text: str = '') -> None:
        """Say how far the stage is; called by actions that do not run a tool.

        Raises:
            StageStopped: If the pipeline is stopping.
        """
        if self._stopped:
            raise StageStopped(self.name)
        self.fraction, self.text = fraction, text

    def command(
        self,
        arguments: Sequence[str | os.PathLike],
        epochs: int | None = None,
        parse: Callable[[str, int | None], Progress | None] = parse_progress,
        span: tuple[float, float] = (0.0, 1.0),
        threads: int = 1,
    ) -> None:
        """Run a Python tool to its end; its output goes to ``<folder>/log.txt``.

        Args:
            arguments: What follows the interpreter on the command line.
            epochs: Passed to ``parse``.
            parse: Reads the progress from a line.
            span: Part of the stage that this command is, for stages of several commands.
            threads: Threads of its numerical libraries. Sums depend on it in their last bits, so one
                is the default: results are then the same on any number of cores.

        Raises:
            StageError: If it ends with an error.
            StageStopped: If the pipeline is stopping.
        """
        log = self.folder / 'log.txt'
        words = [sys.executable, '-u', *map(str, arguments)]
        last: deque[str] = deque(maxlen=25)
        with open(log, 'a', encoding='utf-8') as file:
            file.write('$ ' + ' '.join(words) + '\n')
            with self._lock:
                if self._stopped:
                    raise StageStopped(self.name)
                self._process = subprocess.Popen(
                    words,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=_environment(threads),
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                    text=True,
                    errors='replace',
                    bufsize=1,
                )
            # universal newlines: a progress bar's carriage returns end lines as well
            for line in self._process.stdout:
                line = line.rstrip()
                progress = parse(line, epochs)
                if progress is None or '%|' not in line:
                    file.write(line + '\n')
                    file.flush()
                    last.append(line)
                if progress is not None:
                    if progress.fraction is not None:
                        self.fraction = span[0] + (span[1] - span[0]) * progress.fraction
                    self.text = progress.text
            status = self._process.wait()
        if self._stopped:
            raise StageStopped(self.name)
        if status != 0:
            how = f'was killed by signal {-status}' if status < 0 else f'ended with status {status}'
            raise StageError(
                f'stage {self.name!r} {how}. Its log is {log}; the last lines:\n    ' + '\n    '.join(last)
            )

    def stop(self) -> None:
        """End the child process and all of its children; the action then ends with an exception."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is None or process.poll() is not None:
            return
        for number, patience in ((signal.SIGINT, 5), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, number)
                process.wait(patience)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def _environment(threads: int) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(package_root().parent), os.environ.get('PYTHONPATH', '')]))
    count = str(threads)
    return {
        **os.environ,
        'PYTHONPATH': path,
        'OMP_NUM_THREADS': count,
        'MKL_NUM_THREADS': count,
        'OPENBLAS_NUM_THREADS': count,
    }


def _die_with_parent() -> None:
    """On Linux: interrupt the tool when the pipeline is killed, so that no two write one folder."""
    if sys.platform == 'linux':
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG
