"""Mistakes of the user in one line."""

import sys
from collections.abc import Callable

from .run import StageError

__all__ = ['guard']


def guard(work: Callable[[], None]) -> int:
    """Do the work of a command; show mistakes of the user in one line instead of a traceback.

    Args:
        work: What to do.

    Returns:
        Exit status: 0, 1 after a mistake, 130 after Ctrl-C.
    """
    try:
        work()
    except (StageError, OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nstopped; the same command goes on from here', file=sys.stderr)
        return 130
    return 0
