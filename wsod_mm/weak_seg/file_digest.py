"""Short names for what a file holds."""

import hashlib
from pathlib import Path

__all__ = ['file_digest']


def file_digest(path: Path) -> str | None:
    """16 hexadecimal digits that change with the content of a file; ``None`` when there is none."""
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()[:16]
