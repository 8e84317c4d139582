"""Instances as COCO's results and annotations."""

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from wsod_mm.datasets.instance_file import InstanceArrays

__all__ = ['coco_annotations', 'coco_results']


def coco_results(image_id: Any, instances: InstanceArrays) -> list[dict[str, Any]]:
    """Results of an image, as COCO's evaluation reads them.

    Args:
        image_id: Id of the image.
        instances: Its instances.

    Returns:
        One dict per instance: ``image_id``, ``category_id`` (class id from 0, plus 1), ``segmentation`` (RLE),
        ``bbox`` (x, y, width, height) in pixels, ``score``.
    """
    results = []
    for score, label, mask in zip(*instances, strict=True):
        code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        box = coco_mask.toBbox(code).tolist()
        results.append(
            {
                'image_id': image_id,
                'category_id': int(label) + 1,
                'segmentation': {'size': list(code['size']), 'counts': code['counts'].decode('ascii')},
                'bbox': box,
                'score': float(score),
            }
        )
    return results


def coco_annotations(image_id: Any, instances: InstanceArrays, min_score: float = 1e-5) -> list[dict[str, Any]]:
    """Annotations of an image to train with, without ids.

    Source: IRN's public code, which leaves out fragments without a score, too.

    Args:
        image_id: Id of the image.
        instances: Its instances.
        min_score: Instances below it are left out.

    Returns:
        As :func:`coco_results`, with ``area`` in pixels and ``iscrowd`` 0.
    """
    found = []
    for entry in coco_results(image_id, instances):
        if entry['score'] >= min_score:
            found.append({**entry, 'area': int(coco_mask.area(entry['segmentation'])), 'iscrowd': 0})
    return found
