"""Writing files so that a killed process never leaves half of one."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ['atomic_write', 'write_json']


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, suffix: str = '') -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it to ``path`` when the block ends without an error.

    Args:
        path: The file to be written; its folder is made when missing.
        suffix: Ending of the temporary name, for writers that look at it (``'.npz'``, ``'.png'``).

    Yields:
        The temporary path. It is removed when the block raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f'.{path.name}.', suffix=f'.tmp{suffix}', dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; give the result the permissions that a plain open() would have given
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(data: Any, path: str | os.PathLike, indent: int | None = 2) -> None:
    """Write ``data`` as JSON, atomically; NaN and infinities become ``null``, which every reader accepts.

    Args:
        data: Anything that ``json`` takes, numpy scalars included.
        path: The file to be written.
        indent: Indentation, ``None`` for one line.
    """
    with atomic_write(path, '.json') as temporary:
        temporary.write_text(json.dumps(_plain(data), indent=indent, ensure_ascii=False) + '\n', encoding='utf-8')


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, 'tolist'):
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float('inf'), float('-inf'))):
        return None
    return value
