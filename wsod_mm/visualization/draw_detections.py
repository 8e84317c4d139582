"""Pictures of saved detections, one file per image."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from wsod_mm.evaluation.detection_file import DetectionFile
from wsod_mm.utils.io import atomic_write

from .drawing import draw_boxes, side_by_side
from .selection import select_for_display

__all__ = ['draw_detections']


def draw_detections(
    file: DetectionFile, folder: str | os.PathLike, score_thr: float | None = None, images: int | None = None
) -> list[Path]:
    """Draw the objects on the left, difficult ones dashed, and the detections on the right.

    Args:
        file: Detections; pictures are read from its ``img_paths``.
        folder: Where ``<img_id>.jpg`` are written; made where there is none.
        score_thr: Draw what scores at least this. ``None``: by rank and relative score, see
            :func:`~wsod_mm.visualization.selection.select_for_display`; scores of MIL detectors have no common scale.
        images: Only the first so many.

    Returns:
        The pictures.

    Raises:
        FileNotFoundError: If a picture is gone.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for row in range(len(file.img_ids) if images is None else min(images, len(file.img_ids))):
        path = Path(file.img_paths[row])
        if not path.is_file():
            raise FileNotFoundError(f'the picture {path} of the detection file is gone; put it back or test again')
        with Image.open(path) as picture:
            image = np.asarray(picture.convert('RGB'))
        truth, found = file.of_image(row, 'truth'), file.of_image(row)
        if score_thr is None:
            shown = select_for_display(found.label, found.scores)
        else:
            shown = np.argsort(-found.scores, kind='stable')
            shown = shown[found.scores[shown] >= score_thr]
        names = [
            file.classes[label] + ' (difficult)' * hard
            for label, hard in zip(truth.label, truth.is_difficult().tolist(), strict=True)
        ]
        texts = [
            f'{file.classes[label]} {score:.2g}'
            for label, score in zip(found.label[shown], found.scores[shown], strict=True)
        ]
        drawn = side_by_side(
            [
                draw_boxes(image, truth.boxes, truth.label, names, truth.is_difficult()),
                draw_boxes(image, found.boxes[shown], found.label[shown], texts),
            ],
            ['ground truth', 'detections'],
        )
        target = folder / f'{Path(file.img_ids[row]).name}.jpg'
        with atomic_write(target, '.jpg') as temporary:
            Image.fromarray(drawn).save(temporary, quality=90)
        written.append(target)
    return written
