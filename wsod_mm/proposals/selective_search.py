"""Selective search of one image (Uijlings et al., IJCV 2013), by OpenCV's contributed module."""

import ctypes
import ctypes.util
import os
import sys
from functools import lru_cache
from types import ModuleType

import numpy as np

from ..functional.proposals import first_of_duplicates
from .errors import ProposalFileError

__all__ = ['load_segmentation', 'selective_search']

# Defaults of cv2.ximgproc's switchToSelectiveSearchFast / ...Quality
BASE_K, INC_K, SIGMA = 150, 150, 0.8


def load_segmentation() -> ModuleType:
    """Give ``cv2.ximgproc.segmentation``.

    Raises:
        ProposalFileError: If OpenCV is missing or was installed without its contributed modules.
    """
    try:
        import cv2

        module = cv2.ximgproc.segmentation
        # an OpenCV without contrib may have a stub of the module
        module.createSelectiveSearchSegmentation  # noqa: B018
        return module
    except (ImportError, AttributeError) as error:
        version = getattr(sys.modules.get('cv2'), '__version__', None)
        pin = f'=={version}.*' if version else ''
        raise ProposalFileError(
            'selective search needs cv2.ximgproc from the package opencv-contrib-python-headless,'
            ' and '
            + (f'the installed OpenCV {version} lacks it' if version else 'OpenCV is not installed')
            + '. Install it last, so that no other OpenCV lies over it: python -m pip install'
            ' --force-reinstall --no-deps '
            f"'opencv-contrib-python-headless{pin}'"
        ) from error


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    name = 'ucrtbase' if os.name == 'nt' else None
    return ctypes.CDLL(name)


def selective_search(
    image: np.ndarray,
    mode: str = 'fast',
    base_k: int = BASE_K,
    inc_k: int = INC_K,
    sigma: float = SIGMA,
    long_side: int | None = None,
    min_side: int = 20,
    max_num: int | None = None,
    order: str = 'large-first',
    seed: int = 0,
) -> np.ndarray:
    """Boxes of the hierarchical grouping of an image.

    Determinism: OpenCV ranks the regions of all groupings by ``rand() * level``, drawing from the C
    library's ``rand`` (``cv2.setRNGSeed`` has no effect on it), so the set of boxes is fixed but
    their order depends on everything drawn before. The C generator is therefore seeded for each
    image.

    Order: OpenCV notes that its ranking is the inverse of the paper's: small regions come first,
    whole objects last. Measured on 24 VOC12 images of 500 px (73 objects, fast mode, IoU .5),
    recall of the first 100 boxes is 45 % in OpenCV's order and 68 % in the reversed one (300: 74
    and 85 %), so a cap must not keep OpenCV's first. Hence ``'large-first'``.

    Args:
        image: uint8 [H,W,3], BGR.
        mode: ``'fast'`` (2 colour spaces, 2 values of k, 2 similarities: about 1300 boxes per
            500x375 image) or ``'quality'`` (all of them: several times as many boxes and as much
            time).
        base_k: Smallest segmentation scale k, for an image of the searched size.
        inc_k: Step from one k to the next.
        sigma: Gaussian smoothing before the segmentation, in pixels of the searched image.
        long_side: Shrink the image so that its longer side is at most this before the search;
            ``None`` searches at full size. Boxes are always in original pixels.
        min_side: Boxes narrower or lower than this many original pixels are dropped.
        max_num: Keep at most this many, the first in ``order``; ``None`` keeps all.
        order: ``'large-first'``, the reversed rank, or ``'search'``, OpenCV's own.
        seed: Seed of the ranking.

    Returns:
        float32 [R,4], (x1, y1, x2, y2), 0-based, inclusive, integer valued, no duplicates, in the
        stated order.

    Raises:
        ProposalFileError: If OpenCV lacks selective search.
        ValueError: If ``mode`` or ``order`` is unknown.
    """
    if mode not in ('fast', 'quality'):
        raise ValueError(f"mode must be 'fast' or 'quality', got {mode!r}")
    if order not in ('large-first', 'search'):
        raise ValueError(f"order must be 'large-first' or 'search', got {order!r}")
    segmentation = load_segmentation()
    import cv2

    height, width = image.shape[:2]
    factor = min(1.0, long_side / max(height, width)) if long_side else 1.0
    if factor < 1:
        searched = (max(1, round(width * factor)), max(1, round(height * factor)))
        image = cv2.resize(image, searched, interpolation=cv2.INTER_AREA)
    search = segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(image)
    switch = search.switchToSelectiveSearchFast if mode == 'fast' else search.switchToSelectiveSearchQuality
    switch(base_k, inc_k, sigma)
    _libc().srand(ctypes.c_uint(seed & 0xFFFFFFFF))
    rects = np.asarray(search.process(), np.float64).reshape(-1, 4)
    if order == 'large-first':
        rects = rects[::-1]
    # scale pixel edges, not centres: a box at the border of the small image is at that of the large
    scale = np.array([width / image.shape[1], height / image.shape[0]])
    start, end = np.rint(rects[:, :2] * scale), np.rint((rects[:, :2] + rects[:, 2:]) * scale)
    boxes = np.concatenate([start, end - 1], axis=1).astype(np.float32)
    boxes = boxes[(end - start >= min_side).all(axis=1)]
    return boxes[first_of_duplicates(boxes)[:max_num]]
