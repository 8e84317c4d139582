"""Golden family ``minibatch`` of Collaborative Learning: one image and its proposals made ready."""

from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.datasets.transforms import ProposalBroadcaster
from mmdet.models.data_preprocessors import DetDataPreprocessor

from wsod_mm.datasets.transforms import (
    DedupProposals,
    InclusiveRandomFlip,
    LoadWeakProposals,
    PackWeakInputs,
    ShortSideResize,
)
from wsod_mm.functional.proposals import resize_factor

from ._common import Golden

MEAN = (102.9801, 115.9465, 122.7717)


def check_minibatch(path: Path) -> None:
    """Run the transforms of our training pipelines and compare image, proposals, shape and
    labels."""
    g = Golden(path, rtol=1e-5, atol=1e-6)
    image = g.array('image_bgr')
    unflipped = g.arrays['boxes_unflipped'].astype(np.float32)
    target, cap = int(g.scalar('target_scale')), int(g.scalar('max_size'))
    flipped = bool(g.scalar('flipped'))
    g.unused.discard('boxes_unflipped')

    flip = InclusiveRandomFlip(prob=float(flipped))
    mirrored = flip(dict(img=image.copy(), gt_bboxes=unflipped.copy()))['gt_bboxes']
    g.compare('boxes', mirrored.astype(g.arrays['boxes'].dtype))

    # the file has them multi-hot, ours walk through the pipeline as class indices
    labels = g.arrays['labels'][0]

    def prepare(pixels: np.ndarray) -> dict:
        pipeline = Compose(
            [
                # the reference keeps exact duplicates until the de-duplication on the feature map
                LoadWeakProposals(dedup=False),
                ProposalBroadcaster([flip, ShortSideResize(target, cap)]),
                DedupProposals(stride=16),
                PackWeakInputs(),
            ]
        )
        return pipeline(
            dict(
                img=pixels,
                img_id='0',
                img_path='golden',
                img_shape=image.shape[:2],
                ori_shape=image.shape[:2],
                image_labels=np.flatnonzero(labels).tolist(),
                num_classes=len(labels),
                proposals=dict(bboxes=unflipped, scores=np.zeros(len(unflipped), np.float32)),
            )
        )

    # the reference subtracts the mean before it resizes, in double precision
    packed = prepare((image - np.array(MEAN)).astype(np.float32))
    sample = packed['data_samples']
    factor = resize_factor(*image.shape[:2], target, cap)
    assert sample.scale_factor == (factor, factor)
    assert bool(sample.flip) == flipped
    g.compare('im_info', np.array([*sample.img_shape, factor], np.float32))
    g.compare('data', packed['inputs'].permute(1, 2, 0)[None])
    rois = torch.cat([torch.zeros(len(sample.proposals), 1), sample.proposals.bboxes], dim=1)
    g.compare('rois', rois, atol=1e-4)
    g.compare('labels', sample.gt_label.score[None].to(torch.int32))

    # our models subtract it after the resize: the same in float32 (a few units in the last place of
    # 255), and within the
    # rounding of a grey level for the uint8 images of the configs
    preprocessor = DetDataPreprocessor(mean=MEAN, std=(1, 1, 1))
    for pixels, atol in ((image.astype(np.float32), 1e-4), (image, 1.0)):
        packed = prepare(pixels)
        batch = dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']])
        blob = preprocessor(batch)['inputs'].permute(0, 2, 3, 1)
        g.compare('data', blob, atol=atol)
    g.done()
