"""Our proposals for other programs."""

import os
import pickle
from pathlib import Path

from ..utils.io import atomic_write
from .errors import ProposalFileError
from .image_source import ImageSource
from .store import ProposalStore

__all__ = ['to_mmdet']


def to_mmdet(store: ProposalStore, source: ImageSource, path: str | os.PathLike) -> Path:
    """Write the pickle that MMDetection's ``BaseDetDataset.load_proposals`` reads.

    It is a dict ``{'JPEGImages/000005.jpg': {'bboxes': float32 [R,4], 'scores': float32 [R]}}``
    with one entry per image of the source: the key is the last folder and the file name, and
    MMDetection asserts that the number of entries is that of the data set before any filtering, so
    it is made for exactly one split.

    Args:
        store: The proposals; images that are not in the source are left out.
        source: The images of the data set.
        path: File to write, ``.pkl``.

    Raises:
        ProposalFileError: If an image has no proposals, or two images would get the same key.
    """
    missing = store.missing(source.ids)
    if missing:
        raise ProposalFileError(
            f'{store.source} has no proposals for {len(missing)} of the {len(source)} images of'
            f' {source.name}: {", ".join(missing[:10])}'
        )
    content = {}
    for entry in source:
        boxes, scores = store.get(entry.image_id)
        content[f'{entry.path.parent.name}/{entry.path.name}'] = {'bboxes': boxes, 'scores': scores}
    if len(content) != len(source):
        raise ProposalFileError(
            f'{source.name}: images in different folders have the same last folder and file name,'
            ' which MMDetection cannot tell apart'
        )
    path = Path(path)
    with atomic_write(path, '.pkl') as temporary:
        temporary.write_bytes(pickle.dumps(content, protocol=4))
    return path
