"""The four pictures of a localisation: image, heat map, mask, result."""

from collections.abc import Sequence

import cv2
import numpy as np

from wsod_mm.functional.box_rule import BoxRule
from wsod_mm.functional.scoremap_boxes import mask_from_scoremap, require_scoremap, scoremap_uint8

__all__ = ['cam_panel']

_CONTOUR, _BOX, _TEXT, _EDGE = (0, 255, 255), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def cam_panel(
    image: np.ndarray, scoremap: np.ndarray, rule: BoxRule, boxes: np.ndarray, texts: Sequence[str] = ()
) -> np.ndarray:
    """Image, grey heat map, mask, and the image with contours and boxes, side by side.

    Source: the blog's ``im.jpg``, specs/cam.md 1.2: contours in cyan, boxes in blue, names in white.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        scoremap: ``[H, W]`` float in [0, 1], or uint8.
        rule: Whose threshold makes the mask.
        boxes: ``[n, 4]`` (x1, y1, x2, y2), inclusive corners in pixels.
        texts: One per box, or none at all.

    Returns:
        ``[H, 4 W, 3]`` uint8 RGB.

    Raises:
        ValueError: Map and image differ in size.
    """
    if scoremap.shape != image.shape[:2]:
        raise ValueError(f'the map has {scoremap.shape} pixels, its image {image.shape[:2]}')
    heat = scoremap_uint8(require_scoremap(scoremap))
    mask = mask_from_scoremap(heat, rule).astype(np.uint8) * 255
    found = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[-2]
    result = cv2.drawContours(np.ascontiguousarray(image).copy(), found, -1, _CONTOUR, 3)
    corners = np.rint(np.asarray(boxes, np.float64).reshape(-1, 4)).astype(int).tolist()
    for x1, y1, x2, y2 in corners:
        cv2.rectangle(result, (x1, y1), (x2, y2), _BOX, 2)
    size = max(0.4, max(image.shape[:2]) / 900)
    for (x1, y1, _, _), text in zip(corners, texts, strict=False):
        place = (x1 + 4, y1 + 4 + round(22 * size))
        for colour, width in ((_EDGE, 3), (_TEXT, 1)):
            cv2.putText(result, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, width, cv2.LINE_AA)
    return np.hstack([image, *(np.dstack([each] * 3) for each in (heat, mask)), result])
