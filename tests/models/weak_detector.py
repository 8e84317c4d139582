"""A WSDDN / OICR small enough for unit tests, built through the registry like a real one."""

import copy

import torch
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, LabelData

from wsod_mm.registry import MODELS

NUM_CLASSES = 4

WSDDN = dict(
    type='FastRCNN',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
    backbone=dict(type='VGG16', stride=8, frozen_stages=2, width_mult=0.125),
    roi_head=dict(
        type='WeakRoIHead',
        bbox_roi_extractor=dict(
            type='WeakRoIExtractor',
            roi_layer=dict(type='RoIMaxPool', output_size=3, mode='mmcv'),
            out_channels=64,
            featmap_strides=[8],
        ),
        shared_head=dict(type='SharedFC67Head', in_channels=64, roi_feat_size=3, fc_channels=(16, 16), dropout=0.0),
        bbox_head=dict(type='WSDDNHead', in_channels=16, num_classes=NUM_CLASSES, cls_std=0.5, det_std=0.5),
        loss_mil=dict(type='MILBCELoss'),
    ),
    train_cfg=dict(rcnn=dict()),
    test_cfg=dict(rcnn=dict(scores='mean', max_per_img=100)),
)

OICR = copy.deepcopy(WSDDN)
OICR['roi_head'].update(
    refine_heads=dict(type='RefineHeads', in_channels=16, num_classes=NUM_CLASSES, num_branches=2, std=0.5),
    miner=dict(type='Top1Miner'),
    loss_refine=dict(type='OICRLoss'),
)


CASD = copy.deepcopy(WSDDN)
CASD.update(
    type='MultiViewFastRCNN',
    data_preprocessor=dict(type='MultiViewDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, flip=True),
    backbone=dict(type='VGG16', stride=8, frozen_stages=2, width_mult=0.125, out_blocks=(2, 3, 4, 5)),
)
CASD['roi_head'].update(
    bbox_roi_extractor=dict(
        type='RingRoIExtractor',
        roi_layer=dict(type='RingMaxPool', output_size=3),
        out_channels=64,
        featmap_strides=[8],
    ),
    bbox_head=dict(type='ContrastiveHead', in_channels=16, num_classes=NUM_CLASSES, cls_std=0.5, det_std=0.5),
    loss_mil=dict(type='MILHingeLoss'),
    refine_heads=dict(type='RefineHeads', in_channels=16, num_classes=NUM_CLASSES, num_branches=2, std=0.5),
    miner=dict(type='PCLMiner'),
    loss_refine=dict(type='SampledCELoss', loss_weight=1.0),
    reg_heads=dict(type='BranchBBoxHeads', in_channels=16, num_classes=NUM_CLASSES, num_branches=2, std=0.1),
    loss_bbox=dict(type='CASDBBoxLoss', loss_weight=1.0),
    inverted_attention=dict(type='InvertedAttention', margin=0.0),
    image_wise=dict(type='ImageWiseLoss', loss_weight=1.0),
    layer_wise=dict(type='LayerWiseLoss', strides=(2, 4, 8, 8), output_size=3, loss_weight=1.0),
)


def build(config: dict, seed: int = 0, **roi_head):
    """Build a detector from ``config`` with entries of its RoI head replaced."""
    init_default_scope('wsod_mm')  # MMDetection builds the parts of a detector through the current scope
    config = ConfigDict(copy.deepcopy(config))
    config['roi_head'].update(roi_head)
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    return model


def batch(sizes=((48, 64), (64, 64)), proposals=(7, 5), labels=((1, 0, 1, 0), (0, 1, 0, 0)), seed=1):
    """Random images with proposals and labels, in the form that a data loader gives to ``train_step``."""
    generator = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for (height, width), count, label in zip(sizes, proposals, labels, strict=True):
        inputs.append(torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8))
        corner = torch.rand(count, 2, generator=generator) * torch.tensor([width / 2, height / 2])
        size = torch.rand(count, 2, generator=generator) * torch.tensor([width / 2 - 9, height / 2 - 9]) + 8
        sample = DetDataSample(
            metainfo=dict(
                img_id=str(len(samples)),
                img_path='x.jpg',
                ori_shape=(height, width),
                img_shape=(height, width),
                scale_factor=(1.0, 1.0),
                flip=False,
                flip_direction=None,
            )
        )
        sample.proposals = InstanceData(bboxes=torch.cat((corner, corner + size), dim=1))
        sample.gt_label = LabelData(score=torch.tensor(label, dtype=torch.float32))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def view_batch(scales=(1.0, 1.5), num_images=2, proposals=30, seed=1, labels=((1, 0, 1, 0), (0, 1, 0, 0))):
    """The same random images at several scales, in the form that ``pseudo_collate`` gives after ``WeakViews``."""
    sizes = ((48, 64), (64, 56))[:num_images]
    plain = batch(sizes=sizes, proposals=(proposals,) * num_images, labels=labels[:num_images], seed=seed)
    views = dict(inputs=[], data_samples=[])
    for scale in scales:
        inputs, samples = [], []
        for image, sample in zip(plain['inputs'], plain['data_samples'], strict=True):
            image = torch.nn.functional.interpolate(image[None].float(), scale_factor=scale)[0].to(torch.uint8)
            sample = copy.deepcopy(sample)
            sample.proposals.bboxes = sample.proposals.bboxes * scale
            sample.set_metainfo(dict(img_shape=tuple(image.shape[1:]), scale_factor=(scale, scale)))
            inputs.append(image)
            samples.append(sample)
        views['inputs'].append(inputs)
        views['data_samples'].append(samples)
    return views


def losses_of(model, data=None) -> dict:
    """Loss dictionary of one training forward."""
    model.train()
    data = model.data_preprocessor(copy.deepcopy(data or batch()), training=True)
    return model(**data, mode='loss')


def predict(model, data=None) -> list:
    """Data samples with predictions."""
    model.eval()
    with torch.no_grad():
        return model.test_step(copy.deepcopy(data or batch()))
