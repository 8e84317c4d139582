"""One line that lives while several stages run."""

import sys
import time
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TextIO

__all__ = ['StatusLine', 'clock_text']


def clock_text(seconds: float) -> str:
    """Minutes and seconds, ``'3:05'``; with hours, ``'1:02:05'``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes}:{rest:02d}'
    return f'{minutes // 60}:{minutes % 60:02d}:{rest:02d}'


class StatusLine:
    """Rewrites one line on a terminal; elsewhere prints a line now and then.

    Args:
        stream: Where to write, default standard output.
        every: Seconds between lines where it is no terminal.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 20.0) -> None:
        self.stream = stream or sys.stdout
        self.every = every
        self._live = self.stream.isatty()
        self._shown = False
        self._last = time.monotonic()

    def show(self, elapsed: float, left: float, stages: Sequence[tuple[str, float | None, str]]) -> None:
        """Show what is running.

        Args:
            elapsed: Seconds since the start.
            left: Estimated seconds to go.
            stages: Name, fraction and words of each running stage.
        """
        now = time.monotonic()
        if not self._live and now - self._last < self.every:
            return
        self._last = now
        parts = [
            f'{name} {"" if fraction is None else f"{fraction:.0%} "}{text}'.strip() for name, fraction, text in stages
        ]
        line = f'{clock_text(elapsed)}, about {clock_text(left)} left | ' + ' | '.join(parts)
        if self._live:
            self.stream.write('\r\x1b[2K' + line[: get_terminal_size().columns - 1])
        else:
            self.stream.write(line + '\n')
        self.stream.flush()
        self._shown = True

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.stream.write(('\r\x1b[2K' if self._live and self._shown else '') + text + '\n')
        self.stream.flush()
        self._shown = False
