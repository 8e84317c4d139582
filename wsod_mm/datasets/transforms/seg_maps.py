"""What the transforms know about the maps that go with an image."""

import os
from collections.abc import Sequence

from wsod_mm.functional.image_input import resize_bicubic, resize_nearest

__all__ = ['LABEL_MAP', 'SOFT_MAPS', 'require_image_size', 'resize_with_label']

#: Label map ``[H, W]`` uint8, under the name that MMDetection's transforms know.
LABEL_MAP = 'gt_seg_map'
#: Soft label maps ``[L, H, W]`` float32.
SOFT_MAPS = ('la_map', 'ha_map')


def require_image_size(size: Sequence[int], results: dict, path: str | os.PathLike) -> None:
    """Refuse maps that do not lie on the image.

    Args:
        size: (height, width) of the maps.
        results: With ``img``.
        path: File of the maps, for the message.

    Raises:
        ValueError: If the sizes differ.
    """
    if tuple(size) != tuple(results['img'].shape[:2]):
        raise ValueError(
            f'{path} is {tuple(size)} pixels (height, width), but image {results.get("img_path")} is '
            f'{tuple(results["img"].shape[:2])}; make the maps from this image, and load them before any resizing'
        )


def resize_with_label(results: dict, height: int, width: int) -> dict:
    """Resize ``img`` with PIL's bicubic filter and, when present, ``gt_seg_map`` with nearest neighbour.

    Args:
        results: With ``img`` [H, W, 3] uint8.
        height: Pixels.
        width: Pixels.

    Returns:
        The results; ``img_shape`` and ``scale_factor`` (width, height) are set.

    Raises:
        ValueError: If the image is not uint8, or comes with soft label maps.
    """
    if any(name in results for name in SOFT_MAPS):
        raise ValueError(
            f'image {results.get("img_id")!r} comes with soft label maps, which are not resized; AffinityNet trains at '
            'the original size, so take the resizing out of its pipeline'
        )
    old_height, old_width = results['img'].shape[:2]
    results['img'] = resize_bicubic(results['img'], height, width)
    if LABEL_MAP in results:
        results[LABEL_MAP] = resize_nearest(results[LABEL_MAP], height, width)
    results['img_shape'] = (height, width)
    results['scale_factor'] = (width / old_width, height / old_height)
    return results
