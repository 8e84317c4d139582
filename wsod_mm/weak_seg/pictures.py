"""Pictures of what a pipeline made of one image."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from wsod_mm.datasets.instance_file import InstanceArrays
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.utils.label_png import voc_palette
from wsod_mm.visualization.mask_drawing import draw_boundary, draw_heat_map, draw_instances, draw_label_map
from wsod_mm.visualization.palette import class_colour

from .results import WeakSegResults

__all__ = ['Chip', 'Panel', 'image_panels', 'label_colour']


class Chip(NamedTuple):
    """A line under a picture.

    Attributes:
        colour: Red, green, blue.
        text: What to write.
    """

    colour: tuple[int, int, int]
    text: str


class Panel(NamedTuple):
    """One picture.

    Attributes:
        key: What it is: ``'image'``, ``'cam'``, ``'boundary'``, ``'instances'``, ``'truth'``, or the stage of a label
            map.
        title: For people.
        picture: ``[H, W, 3]`` uint8 RGB; all panels of an image have one size.
        iou: Mean IoU of the label map in this image, percent; ``None`` without truth, or for what is no label map.
        chips: What is in it.
    """

    key: str
    title: str
    picture: np.ndarray
    iou: float | None
    chips: tuple[Chip, ...]


def label_colour(label: int) -> tuple[int, int, int]:
    """Colour of a label (class id + 1) in label maps: VOC's."""
    red, green, blue = voc_palette()[label].tolist()
    return red, green, blue


def image_panels(
    results: WeakSegResults, img_id: str, max_side: int = 288, cams: int = 2, texts: bool = True, instances: int = 6
) -> list[Panel]:
    """Draw everything that there is of an image, from the photograph to the truth.

    Args:
        results: The pipeline.
        img_id: The image.
        max_side: Long side of the pictures, pixels.
        cams: How many CAMs are shown, those that cover most; with 1, that is the maximum over all classes.
        texts: Whether names are written into the pictures.
        instances: How many instances are named, the best ones.

    Returns:
        The panels; what is not made or not known is left out.

    Raises:
        FileNotFoundError: If the image is gone.
        ValueError: If a file is damaged, or of another size than the image; the message names it.
    """
    record, classes = results.images.records[img_id], results.images.classes
    photo = read_rgb_image(record.img_path)
    size = photo.shape[:2]
    factor = max_side / max(size)
    small = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    image = np.asarray(Image.fromarray(photo).resize(small[::-1], Image.Resampling.LANCZOS))
    truth = results.truth(img_id)
    names = classes if texts else None
    panels = [Panel('image', 'Image', image, None, tuple(Chip(label_colour(c + 1), classes[c]) for c in record.labels))]

    def label_panel(key: str, title: str, label: np.ndarray) -> Panel:
        _require_size(label.shape, size, title, img_id)
        found = results.iou(img_id, label, truth) if truth is not None and key != 'truth' else None
        present = [int(value) for value in np.unique(label) if value not in (0, 255)]
        chips = [Chip(label_colour(value), classes[value - 1] + _percent(found, value)) for value in present]
        picture = draw_label_map(image, _nearest(label, small), names)
        return Panel(key, title, picture, None if found is None else found.mean, tuple(chips))

    maps = results.cams(img_id)
    if maps is not None:
        _require_size(maps.cams.shape[1:], size, 'CAM', img_id)
        label = results.label_map('cam', img_id)
        iou = None if label is None or truth is None else results.iou(img_id, label, truth).mean
        order = np.argsort(-maps.cams.sum(axis=(1, 2)), kind='stable')[:cams]
        heats = [(maps.cams.max(axis=0), maps.keys)] if cams == 1 and len(order) else []
        heats = heats or [(maps.cams[row], maps.keys[[row]]) for row in order] or [(np.zeros(size, np.float32), [])]
        for heat, keys in heats:
            chips = tuple(Chip(label_colour(int(key) + 1), classes[key]) for key in keys)
            title = f'CAM {classes[keys[0]]}' if len(heats) > 1 else 'CAM'
            heat = cv2.resize(heat, small[::-1], interpolation=cv2.INTER_LINEAR)
            panels.append(Panel('cam', title, draw_heat_map(image, heat), iou, chips))
            iou = None  # of all classes together: said once
    for key, title in results.label_maps.items():
        label = results.label_map(key, img_id)
        if label is not None:
            panels.append(label_panel(key, title, label))
    boundary = results.boundary(img_id)
    if boundary is not None:
        panels.append(Panel('boundary', 'Boundary', draw_boundary(boundary, small), None, ()))
    found = results.instances(img_id)
    if found is not None:
        _require_size(found.masks.shape[1:], size, 'instances', img_id)
        panels.append(_instance_panel(image, found, classes, texts, instances))
    if truth is not None:
        panels.append(label_panel('truth', 'Ground truth', truth))
    return panels


def _instance_panel(
    image: np.ndarray, found: InstanceArrays, classes: Sequence[str], texts: bool, count: int, min_score: float = 1e-5
) -> Panel:
    order = np.argsort(-found.scores, kind='stable')
    order = order[found.scores[order] >= min_score]  # without a score: fragments, which the export leaves out too
    words = [f'{classes[found.labels[row]]} {found.scores[row]:.2f}' for row in order]
    chips = [Chip(class_colour(place), text) for place, text in enumerate(words[:count])]
    if len(words) > count:
        chips.append(Chip(class_colour(count), f'and {len(words) - count} more'))
    shown = [text if place < count else '' for place, text in enumerate(words)]
    masks = [_nearest(found.masks[row], image.shape[:2]) for row in order]
    picture = draw_instances(image, np.array(masks, bool).reshape(-1, *image.shape[:2]), shown if texts else None)
    return Panel('instances', 'IRN instances', picture, None, tuple(chips))


def _percent(found: tuple | None, label: int) -> str:
    return '' if found is None else f' {found.labels.get(label, 0.0):.0f} %'


def _nearest(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(values, np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
    return np.asarray(picture).astype(values.dtype)


def _require_size(shape: Sequence[int], size: Sequence[int], what: str, img_id: str) -> None:
    if tuple(shape) != tuple(size):
        raise ValueError(
            f'image {img_id!r} is {size[0]} x {size[1]} pixels, but its {what} {shape[0]} x {shape[1]}; make that '
            'stage again'
        )
