"""Running long commands so that one sees that they live: log file, elapsed time, clean stop.

Standard library only: this runs before the environment exists, with whatever ``python3`` starts
    ``make env``.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system: the lock below then does nothing
    fcntl = None  # type: ignore[assignment]

__all__ = ['StepFailed', 'Ticker', 'clock', 'exclusive', 'run_logged', 'say', 'tail']


# Locks that this process holds. Every command inherits them: should we be killed, they stay held
# while it runs on, and the next set-up waits for it instead of working beside it.
_HELD: list[int] = []


class StepFailed(RuntimeError):
    """A step of the set-up failed; the message is meant for the user."""


def say(text: str) -> None:
    """Print one line at once."""
    print(f'[env] {text}', flush=True)


def clock(seconds: float) -> str:
    """Format a duration, ``75`` -> ``'1:15'``."""
    minutes, rest = divmod(int(seconds), 60)
    return f'{minutes}:{rest:02d}'


def tail(path: Path, size: int = 65536) -> str:
    """Return the last ``size`` bytes of a file that may still be growing, as text."""
    try:
        with open(path, 'rb') as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - size))
            return handle.read().decode('utf-8', 'replace')
    except OSError:
        return ''


class Ticker:
    """Show a changing status: one line rewritten every second on a terminal, a new line every 15 s
    elsewhere.

    Args:
        label: What is being done.
        describe: Gives the present state in a few words; called at each tick.
        every: Seconds between two lines where the output is not a terminal.
    """

    def __init__(self, label: str, describe: Callable[[], str], every: float = 15.0) -> None:
        self.label = label
        self.describe = describe
        self.start = time.monotonic()
        self.live = sys.stdout.isatty()
        self.every = 1.0 if self.live else every
        self._next = self.start + self.every
        self._width = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def tick(self) -> None:
        """Print the state when it is time to."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.every
        text = f'[env]   {self.label}: {clock(self.elapsed)}'
        detail = self.describe()
        text = f'{text}, {detail}' if detail else text
        if self.live:
            text = text[: os.get_terminal_size().columns - 1]
            print('\r' + text.ljust(self._width), end='', flush=True)
            self._width = len(text)
        else:
            print(text, flush=True)

    def close(self) -> None:
        """End the rewritten line."""
        if self._width:
            print('\r' + ' ' * self._width + '\r', end='', flush=True)


def run_logged(
    command: Sequence[str | os.PathLike],
    log: Path,
    label: str,
    describe: Callable[[], str] | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    every: float = 15.0,
) -> None:
    """Run a command with its output in a file, showing that it lives; stop it with us.

    Args:
        command: Program and arguments.
        log: The file that gets the output (overwritten).
        label: What to show while it runs.
        describe: State in a few words; by default the last line of the log.
        env: Environment of the command.
        cwd: Its working directory.
        every: See :class:`Ticker`.

    Raises:
        StepFailed: The command ended with an error; the message holds the end of the log and the
            log's name.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    ticker = Ticker(label, describe or (lambda: _last_line(log)), every)
    with open(log, 'wb') as handle:
        process = subprocess.Popen(
            [os.fspath(part) for part in command],
            stdout=handle,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=env,
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(_HELD),
        )
    try:
        while True:
            try:
                code = process.wait(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                ticker.tick()
    finally:
        ticker.close()
        if process.poll() is None:
            _stop(process)
    if code:
        raise StepFailed(f'{label} failed (exit code {code}).\n{_digest(log)}\nWhole log: {log}')


def _stop(process: subprocess.Popen) -> None:
    """End a command and all its children: they share the process group that it leads."""
    for sign, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
            return


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in tail(log, 4096).replace('\r', '\n').splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith('WARNING')]
    return lines[-1][:90] if lines else ''


def _digest(log: Path, lines: int = 25) -> str:
    """The last lines of a log, preceded by the compiler's or pip's own error lines when these came
    earlier."""
    text = [line for line in tail(log, 1 << 20).splitlines() if line.strip()]
    text = [line for line in text if not re.match(r'WARNING: Location .* is ignored', line)]
    end = text[-lines:]
    errors = [line for line in text[:-lines] if re.search(r'(?i)\b(fatal )?error\b: |^ERROR|No space left', line)]
    parts = ['  ' + line[:240] for line in errors[:8]] + (['  ...'] if errors else [])
    return '\n'.join(parts + ['  ' + line[:240] for line in end])


@contextlib.contextmanager
def exclusive(path: Path, label: str, describe: Callable[[], str] = lambda: '') -> Iterator[None]:
    """Hold a lock file; wait, visibly, while another process holds it.

    Args:
        path: The lock file. It stays when the lock is released; the operating system frees the lock
            of a dead process.
        label: What the other process is doing, shown while waiting.
        describe: State of the other process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if fcntl is not None:
            ticker = None
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if ticker is None:
                        say(f'{label} is under way in another process (lock {path}); waiting for it')
                        ticker = Ticker('waiting', describe)
                    ticker.tick()
                    time.sleep(0.3)
            if ticker is not None:
                ticker.close()
        _HELD.append(handle)
        yield
    finally:
        if handle in _HELD:
            _HELD.remove(handle)
        os.close(handle)
