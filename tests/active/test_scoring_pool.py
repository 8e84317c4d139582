"""Images of a pool, in several sizes and without annotations, scored by MI-AOD."""

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from PIL import Image

from tests.models.miaod import detector
from wsod_mm.active.cycle_config import score_dataloader_config
from wsod_mm.active.scoring import missing_ids, score_images
from wsod_mm.active.strategies import CoreSetStrategy, EntropyStrategy, MIAODStrategy
from wsod_mm.datasets.pool_subset import POOL_META_KEYS

SIZES = ((64, 48), (48, 64), (80, 40), (64, 64))
COUNT = 9
CANDIDATES = [7, 1, 2, 5, 8]


def _pool(folder):
    lists, images = folder / 'VOC2007/ImageSets/Main', folder / 'VOC2007/JPEGImages'
    lists.mkdir(parents=True)
    images.mkdir()
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        width, height = SIZES[i % len(SIZES)]
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(images / f'{i:06d}.jpg')
    (lists / 'trainval.txt').write_text(''.join(f'{i:06d}\n' for i in range(COUNT)))
    return dict(type='VOCPool', data_root=str(folder), lists=['VOC2007/ImageSets/Main/trainval.txt'])


def _loader(pool, ids):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(100, 60), keep_ratio=True),
        dict(type='PackDetInputs', meta_keys=POOL_META_KEYS),
    ]
    config = dict(
        num_workers=0, dataset=dict(type='PoolSubset', pool=pool, subset='candidates', ids=None, pipeline=pipeline)
    )
    return Runner.build_dataloader(score_dataloader_config(ConfigDict(config), ids), seed=0)


def test_uncertainty_of_a_pool(tmp_path):
    pool, model = _pool(tmp_path), detector()
    for parameter in model.bbox_head.parameters():  # scores that tell images apart
        torch.nn.init.normal_(parameter, std=0.3)
    model.train()
    values = score_images(model, _loader(pool, CANDIDATES), MIAODStrategy(), COUNT, candidates=CANDIDATES)
    assert model.training and values.dtype == np.float32
    wanted = np.full(COUNT, np.nan, np.float32)
    model.eval()
    for i in CANDIDATES:
        (data,) = _loader(pool, [i])
        wanted[i] = model.uncertainty_step(data).item()
    np.testing.assert_array_equal(values, wanted)
    assert len(np.unique(values[CANDIDATES])) == len(CANDIDATES)

    entropy = score_images(model, _loader(pool, CANDIDATES), EntropyStrategy(), COUNT)
    assert np.isfinite(entropy[CANDIDATES]).all() and (entropy[CANDIDATES] != values[CANDIDATES]).all()

    partial = tmp_path / 'partial'
    features = score_images(model, _loader(pool, CANDIDATES[:2]), CoreSetStrategy(), COUNT, partial, key='a')
    todo = missing_ids(partial, CANDIDATES, 'a')
    assert todo.tolist() == sorted(CANDIDATES[2:]) and features.shape == (COUNT, 16)
    rest = score_images(model, _loader(pool, todo), CoreSetStrategy(), COUNT, partial, candidates=CANDIDATES, key='a')
    np.testing.assert_array_equal(rest[CANDIDATES[:2]], features[CANDIDATES[:2]])
    assert np.isnan(rest[0]).all() and np.isfinite(rest[CANDIDATES]).all()
    # nothing left: a loader without images
    again = score_images(model, _loader(pool, []), CoreSetStrategy(), COUNT, partial, candidates=CANDIDATES, key='a')
    np.testing.assert_array_equal(again, rest)
