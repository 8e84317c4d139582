"""A localiser whose maps are known: class 0 is red, 1 green, 2 blue, in cells of 8 x 8 pixels."""

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from torch import nn

import wsod_mm.datasets.transforms  # noqa: F401  registers
from wsod_mm.registry import MODELS

COLOURS = np.eye(3, dtype=np.uint8) * 255


@MODELS.register_module(force=True)
class ColourCells(nn.Module):
    """Mean colour of cells; the last of three maps."""

    def __init__(self, cell: int = 8) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(cell, ceil_mode=True)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        x = self.pool(x) * self.scale
        return x, x, x


def build_cam(cell=8, divisor=1, head=None, **test_cfg):
    """The localiser; its head's weights are the identity."""
    init_default_scope('wsod_mm')
    model = MODELS.build(
        ConfigDict(
            type='CAMLocalizer',
            data_preprocessor=dict(
                type='DetDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, pad_size_divisor=divisor
            ),
            backbone=dict(type='ColourCells', cell=cell),
            cam_head=head or dict(type='CAMHead', num_classes=3, in_channels=3),
            test_cfg=test_cfg,
        )
    )
    if head is None or head['type'] == 'CAMHead':
        with torch.no_grad():
            model.cam_head.fc.weight.copy_(torch.eye(3).view_as(model.cam_head.fc.weight) * 4)
            model.cam_head.fc.bias.zero_()
    return model.eval()


def picture(height, width, *patches):
    """Black image with patches (class, x1, y1, x2, y2), half-open."""
    image = np.zeros((height, width, 3), np.uint8)
    for label, x1, y1, x2, y2 in patches:
        image[y1:y2, x1:x2] += COLOURS[label]
    return image


def pack(image, *transforms, labels=None, **info):
    """Sample of an image after transforms, as a data set would give it."""
    init_default_scope('wsod_mm')
    results = dict(
        img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2], img_id='a', img_path='a.png', **info
    )
    if labels is not None:
        results.update(image_labels=labels, num_classes=3)
    return Compose([*transforms, dict(type='PackWeakInputs', with_boxes=True)])(results)


def predict(model, *samples):
    with torch.no_grad():
        return model.test_step(pseudo_collate(list(samples)))
