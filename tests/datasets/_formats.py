"""Helpers of the tests of single formats."""

import cv2
import numpy as np

CLASSES = dict(classes=('cat', 'dog'))


def write_image(path, width=30, height=20):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def infos(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def labels(dataset):
    return {info['img_id']: info['image_labels'] for info in infos(dataset)}
