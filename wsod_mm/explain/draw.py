"""A heat map and boxes on a photograph."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wsod_mm.functional.cam_overlay import overlay_cam
from wsod_mm.visualization.drawing import draw_boxes

__all__ = ['draw_cam']


def draw_cam(
    image: np.ndarray,
    cam: Tensor | np.ndarray,
    boxes: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    texts: Sequence[str] | None = None,
    image_weight: float = 0.5,
    min_side: int = 400,
) -> np.ndarray:
    """Draw.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        cam: ``[H, W]`` float in [0, 1].
        boxes: ``[n, 4]`` (x1, y1, x2, y2), edges in pixels; ``None``: none.
        labels: ``[n]`` classes of the boxes, for their colours.
        texts: Label of each box.
        image_weight: See :func:`~wsod_mm.functional.cam_overlay.overlay_cam`.
        min_side: Smaller pictures are enlarged, see :func:`~wsod_mm.visualization.drawing.draw_boxes`.

    Returns:
        ``[H', W', 3]`` uint8 RGB.

    Raises:
        ValueError: Shapes do not fit.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(image)).float() / 255
    heat = torch.as_tensor(cam).detach().cpu()
    drawn = overlay_cam(pixels, heat, use_rgb=True, image_weight=image_weight).numpy()
    corners = np.zeros((0, 4)) if boxes is None else np.asarray(boxes, np.float64).reshape(-1, 4) - (0, 0, 1, 1)
    classes = np.zeros(len(corners), np.int64) if labels is None else np.asarray(labels)
    return draw_boxes(drawn, corners, classes, texts, min_side=min_side)
