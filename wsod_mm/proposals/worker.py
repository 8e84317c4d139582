"""What one worker process does: the boxes of one image."""

import multiprocessing
import os
import threading
import zlib
from pathlib import Path

import numpy as np

from .baselines import centre_box, grid_proposals, image_rng, random_proposals
from .errors import ProposalFileError
from .image_source import ImageEntry
from .options import GenerateOptions
from .selective_search import selective_search

__all__ = ['init_worker', 'propose', 'propose_chunk', 'read_image']


def init_worker() -> None:
    """Make a worker behave: one OpenCV thread, and no life after its parent."""
    import cv2

    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # a parent killed with SIGKILL cannot tell its workers; they would wait for work for ever
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def read_image(path: Path) -> np.ndarray:
    """Decode an image to uint8 [H,W,3] BGR, EXIF rotation applied as in MMDetection's loading.

    Raises:
        ProposalFileError: If the file is missing, truncated or no image.
    """
    import cv2
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()  # OpenCV fills the rest of a truncated JPEG with grey and says nothing
        decoded = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise ProposalFileError(f'{path}: {error}') from error
    if decoded is None:
        raise ProposalFileError(f'{path}: OpenCV cannot decode it')
    return decoded


def propose(entry: ImageEntry, options: GenerateOptions) -> np.ndarray:
    """Boxes of one image; a function of the image, its id and the options only.

    Returns:
        float32 [R,4], (x1, y1, x2, y2), original pixels, 0-based, inclusive.
    """
    if options.method.startswith('selective-search'):
        return selective_search(
            read_image(entry.path),
            options.method.rsplit('-', 1)[1],
            options.base_k,
            options.inc_k,
            options.sigma,
            options.long_side,
            options.min_side,
            options.max_num,
            options.order,
            seed=zlib.crc32(entry.image_id.encode()) ^ options.seed,
        )
    width, height = entry.size
    if options.method == 'random':
        return random_proposals(
            width,
            height,
            options.max_num,
            image_rng(entry.image_id, options.seed),
            options.min_side,
        )
    if options.method == 'centre':
        return centre_box(width, height)
    boxes = grid_proposals(width, height)
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes[(sides >= options.min_side).all(axis=1)][: options.max_num]


def propose_chunk(entries: list[ImageEntry], options: GenerateOptions) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Boxes of several images, and the messages of those that could not be read, both by image
    id."""
    boxes, failures = {}, {}
    for entry in entries:
        try:
            boxes[entry.image_id] = propose(entry, options)
        except ProposalFileError as error:
            failures[entry.image_id] = str(error)
    return boxes, failures
