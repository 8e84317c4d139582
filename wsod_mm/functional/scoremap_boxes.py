"""Boxes from score maps: threshold, contours, enclosing rectangles."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from .box_rule import BoxRule, box_rule

__all__ = [
    'ScoremapBoxes',
    'boxes_from_scoremap',
    'boxes_from_scoremaps',
    'contour_rects',
    'contour_rects_and_largest',
    'mask_from_scoremap',
    'rect_corners',
    'require_scoremap',
    'scoremap_uint8',
]


class ScoremapBoxes(NamedTuple):
    """Boxes of a score map, on its device, in the order of OpenCV's contours (of ``max_boxes``: falling area).

    Attributes:
        bboxes: ``[N, 4]`` float32, (x1, y1, x2, y2) in pixels of the map; the rule says what corners mean.
        scores: ``[N]`` float32 in [0, 1], from the map inside the box.
        areas: ``[N]`` float32, square pixels enclosed by the contour, 0 for thin ones.
    """

    bboxes: Tensor
    scores: Tensor
    areas: Tensor


def require_scoremap(scoremap: Tensor | np.ndarray, name: str = 'score map') -> np.ndarray:
    """Check a score map as wsolevaluation does.

    Args:
        scoremap: ``[H, W]`` float in [0, 1], or uint8.
        name: Of the map in messages, such as the id of its image.

    Returns:
        The same as an array on the host.

    Raises:
        ValueError: It is not 2-D, empty, neither float nor uint8, or has values that are NaN or outside [0, 1].
    """
    array = scoremap.detach().cpu().numpy() if isinstance(scoremap, Tensor) else np.asarray(scoremap)
    if array.ndim != 2 or not array.size:
        raise ValueError(f'{name}: must be [H, W] and not empty, has shape {array.shape}')
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != 'f':
        raise ValueError(f'{name}: must be float in [0, 1] or uint8, is {array.dtype}')
    if np.isnan(array).any():
        raise ValueError(f'{name}: {int(np.isnan(array).sum())} of {array.size} values are NaN; see normalize_cam')
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise ValueError(f'{name}: values reach from {low:.6g} to {high:.6g}, must be in [0, 1]; see normalize_cam')
    return array


def scoremap_uint8(array: np.ndarray) -> np.ndarray:
    """``uint8(255 * map)``, truncated in the precision of the map; uint8 is taken as it is."""
    return array if array.dtype == np.uint8 else (array * 255).astype(np.uint8)


def contour_rects(mask: np.ndarray, contours: str = 'all', connectivity: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Enclosing rectangles of the contours of a mask.

    Args:
        mask: ``[H, W]`` bool or uint8.
        contours: ``'all'``: outer contours and those of holes. ``'external'``: the outermost only, none of what lies in
            a hole. ``'largest'``: of all, the one with the largest area, the first of equals.
        connectivity: 8, or 4: pixels that touch at corners only are parted.

    Returns:
        ``[n, 4]`` int64 (x, y, w, h) in pixels, and ``[n]`` float64, areas as ``cv2.contourArea``.
    """
    mask = np.ascontiguousarray(mask, np.uint8)
    # the tree gives the order in which wsolevaluation breaks ties; a list is what the blog draws
    mode = {'all': cv2.RETR_LIST, 'external': cv2.RETR_EXTERNAL, 'largest': cv2.RETR_TREE}[contours]
    found = []
    for part, offset in [(mask, (0, 0))] if connectivity == 8 else _four_connected(mask, contours == 'external'):
        found.extend(cv2.findContours(part, mode, cv2.CHAIN_APPROX_SIMPLE, offset=offset)[-2])
    rects = np.array([cv2.boundingRect(each) for each in found], np.int64).reshape(-1, 4)
    areas = np.array([cv2.contourArea(each) for each in found], np.float64)
    if contours == 'largest' and len(found):
        best = int(areas.argmax())
        return rects[best : best + 1], areas[best : best + 1]
    return rects, areas


def contour_rects_and_largest(
    mask: np.ndarray, offset: tuple[int, int] = (0, 0)
) -> tuple[list[tuple[int, int, int, int]], int]:
    """Rectangles of all contours, holes included, and which has the largest area, from one search.

    As little as can be done per mask, for sweeps over many.

    Args:
        mask: ``[H, W]`` bool or uint8.
        offset: (x, y) of the mask in the map, where it is a crop that holds all pixels of the whole.

    Returns:
        (x, y, w, h) in pixels, in the order of OpenCV's tree, and the place of the largest, the first of equals (0 if
        there is none).
    """
    mask = np.ascontiguousarray(mask).view(np.uint8)
    found = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE, offset=offset)[-2]
    best = 0
    if len(found) > 1:
        areas = [cv2.contourArea(each) for each in found]
        best = areas.index(max(areas))
    return [cv2.boundingRect(each) for each in found], best


def rect_corners(
    rects: np.ndarray | Sequence[Sequence[int]], size: tuple[int, int], corners: str = 'outer'
) -> np.ndarray:
    """Rectangles as boxes.

    Args:
        rects: ``[n, 4]`` int, (x, y, w, h) in pixels; also as a list of tuples.
        size: (H, W) of the map.
        corners: ``'outer'`` or ``'wsol'``, see :class:`~.box_rule.BoxRule`.

    Returns:
        ``[n, 4]`` int64, (x1, y1, x2, y2).
    """
    rects = np.asarray(rects, np.int64).reshape(-1, 4)
    boxes = np.concatenate([rects[:, :2], rects[:, :2] + rects[:, 2:]], axis=1)
    if corners == 'wsol':
        boxes[:, 2:] = np.minimum(boxes[:, 2:], (size[1] - 1, size[0] - 1))
    return boxes


def mask_from_scoremap(scoremap: Tensor | np.ndarray, rule: str | BoxRule = 'default') -> np.ndarray:
    """Pixels of a score map whose contours :func:`boxes_from_scoremap` takes.

    Args:
        scoremap: See there.
        rule: A preset's name or a rule; only its threshold counts.

    Returns:
        ``[H, W]`` bool.

    Raises:
        ValueError: The map or the rule is not valid.
    """
    return _mask(scoremap_uint8(require_scoremap(scoremap)), box_rule(rule))


def boxes_from_scoremap(
    scoremap: Tensor | np.ndarray, rule: str | BoxRule = 'default', **changes: float | int | str | bool | None
) -> ScoremapBoxes:
    """Boxes of one score map.

    Source: specs/cam.md 1.2 (``'blog'``), 2 and 3.

    Args:
        scoremap: ``[H, W]`` float in [0, 1] (truncated to 0 .. 255) or uint8, already normalised and resized; see
            :func:`~.cam_localization.score_map` and the rule's ``dialect``.
        rule: A preset's name or a rule.
        **changes: Settings of the rule, such as ``threshold=0.3`` or ``max_boxes=1``.

    Returns:
        The boxes; none for a map of zeros, unless the rule's ``empty_box`` asks for one.

    Raises:
        ValueError: The map or the rule is not valid.
    """
    rule = box_rule(rule, **changes)
    array = require_scoremap(scoremap)
    values = scoremap_uint8(array)
    rects, areas = contour_rects(_mask(values, rule), rule.contours, rule.connectivity)
    if rule.min_area:
        kept = areas >= rule.min_area
        rects, areas = rects[kept], areas[kept]
    if rule.max_boxes is not None:
        order = np.argsort(-areas, kind='stable')[: rule.max_boxes]
        rects, areas = rects[order], areas[order]
    scores = _inside(array, rects, rule.score)
    boxes = rect_corners(rects, array.shape, rule.corners)
    if not len(boxes) and rule.empty_box:
        boxes, scores, areas = np.zeros((1, 4)), np.zeros(1), np.zeros(1)
    device = scoremap.device if isinstance(scoremap, Tensor) else 'cpu'
    return ScoremapBoxes(
        *(torch.as_tensor(each, dtype=torch.float32, device=device) for each in (boxes, scores, areas))
    )


def boxes_from_scoremaps(
    scoremaps: Tensor | Sequence[Tensor | np.ndarray],
    rule: str | BoxRule = 'default',
    **changes: float | int | str | bool | None,
) -> list[ScoremapBoxes]:
    """Boxes of several score maps ``[N, H, W]``, or of a list of any sizes; see :func:`boxes_from_scoremap`."""
    rule = box_rule(rule, **changes)
    if isinstance(scoremaps, Tensor):  # to the host in one transfer
        host = scoremaps.detach().cpu()
        found = [boxes_from_scoremap(each, rule) for each in host]
        return [ScoremapBoxes(*(each.to(scoremaps.device) for each in boxes)) for boxes in found]
    return [boxes_from_scoremap(each, rule) for each in scoremaps]


def _mask(values: np.ndarray, rule: BoxRule) -> np.ndarray:
    """Pixels of a uint8 map above the rule's threshold."""
    if rule.threshold_mode == 'relative':
        level = int(rule.threshold * int(values.max()))
    elif rule.threshold_mode == 'absolute':
        level = int(rule.threshold)
    else:
        level = int(np.quantile(values, rule.threshold))
    return values > level


def _four_connected(mask: np.ndarray, outermost: bool) -> list[tuple[np.ndarray, tuple[int, int]]]:
    """Crops of the parts that hang together by edges, and the (x, y) where they lie; of the outermost or all parts."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    wanted = range(1, count)
    if outermost:  # those that touch what can be reached from outside of the map
        empty = np.pad(mask == 0, 1, constant_values=True).astype(np.uint8)
        around = cv2.connectedComponents(empty, connectivity=8)[1]
        outside = cv2.dilate((around == around[0, 0]).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
        wanted = sorted(set(labels[outside > 0].tolist()) - {0})
    parts = []
    for index in wanted:
        x, y, w, h = (int(v) for v in stats[index, :4])
        crop = np.ascontiguousarray(labels[y : y + h, x : x + w] == index, np.uint8)
        parts.append((crop, (x, y)))
    return parts


def _inside(array: np.ndarray, rects: np.ndarray, score: str) -> np.ndarray:
    """Maximum or mean of the map in every rectangle, in [0, 1]."""
    reduce, scale = {'max': np.max, 'mean': np.mean}[score], 255 if array.dtype == np.uint8 else 1
    inside = [reduce(array[y : y + h, x : x + w]) / scale for x, y, w, h in rects]
    return np.array(inside, np.float64)
