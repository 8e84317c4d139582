"""Detectors from MMDetection's own configs, narrow and with random weights."""

import copy
from pathlib import Path

import mmdet
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from wsod_mm.registry import MODELS

CONFIGS = Path(mmdet.__file__).parent / '.mim' / 'configs'
CLASSES = 3
FILES = dict(
    faster_rcnn='faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    cascade_rcnn='cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py',
    retinanet='retinanet/retinanet_r50_fpn_1x_coco.py',
    fcos='fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
    detr='detr/detr_r50_8xb2-150e_coco.py',
)


def narrow_config(name: str) -> Config:
    """A config of MMDetection with ResNet-18 of an eighth of the width, and three classes."""
    config = Config.fromfile(CONFIGS / FILES[name])
    model = config.model
    model.backbone.update(depth=18, base_channels=8, stem_channels=8, style='pytorch', init_cfg=None)
    if name == 'detr':
        model.neck.update(in_channels=[64], out_channels=16)
        model.num_queries = 12
        model.test_cfg.max_per_img = 10
        model.positional_encoding.num_feats = 8
        for part in (model.encoder, model.decoder):
            part.num_layers = 1
            layer = part.layer_cfg
            for attention in [key for key in layer if 'attn' in key]:
                layer[attention].update(embed_dims=16, num_heads=2)
            layer.ffn_cfg.update(embed_dims=16, feedforward_channels=32)
        model.bbox_head.update(num_classes=CLASSES, embed_dims=16)
        return config
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    if 'roi_head' not in model:
        model.bbox_head.update(num_classes=CLASSES, in_channels=16, feat_channels=64, stacked_convs=1)
        return config
    model.rpn_head.update(in_channels=16, feat_channels=16)
    model.roi_head.bbox_roi_extractor.out_channels = 16
    heads = model.roi_head.bbox_head
    for head in heads if isinstance(heads, list) else [heads]:
        head.update(in_channels=16, fc_out_channels=32, num_classes=CLASSES)
    return config


def detector(name: str, seed: int = 0, config: Config | None = None):
    """The model, with PyTorch's own initial weights, so that scores differ."""
    config = config or narrow_config(name)
    init_default_scope('mmdet')
    torch.manual_seed(seed)
    model = MODELS.build(copy.deepcopy(config.model))
    init_default_scope('wsod_mm')
    return model
