"""Several scales of one image."""

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmdet.structures import DetDataSample
from mmengine.dataset import pseudo_collate

from wsod_mm.datasets.transforms import InclusiveRandomFlip, LoadWeakProposals, WeakViews
from wsod_mm.registry import TRANSFORMS

SIDES = [24, 30, 36, 45, 60]


def loaded(img_id='7', count=6, height=20, width=30):
    """What LoadWeakImage and the dataset leave."""
    rng = np.random.RandomState(int(img_id))
    corners = rng.randint(0, 10, (count, 2))
    boxes = np.concatenate([corners, corners + rng.randint(3, 10, (count, 2))], axis=1).astype(np.float32)
    return LoadWeakProposals(dedup=False)(
        dict(
            img=rng.randint(0, 256, (height, width, 3), np.uint8),
            img_shape=(height, width),
            ori_shape=(height, width),
            img_id=img_id,
            img_path=f'x/{img_id}.jpg',
            proposals=dict(bboxes=boxes, scores=rng.rand(count).astype(np.float32)),
            image_labels=[1],
            num_classes=3,
        )
    )


def test_every_scale_is_a_resized_image_with_its_proposals():
    results = loaded()
    image, boxes = results['img'].copy(), results['proposals'].copy()
    np.random.seed(0)
    views = WeakViews(SIDES)(results)
    assert set(views) == {'inputs', 'data_samples'} and len(views['inputs']) == len(views['data_samples']) == 2
    for view, sample in zip(views['inputs'], views['data_samples'], strict=True):
        factor = view.shape[1] / 20
        assert view.dtype == torch.uint8 and view.shape[1] in SIDES and sample.img_shape == tuple(view.shape[1:])
        np.testing.assert_array_equal(view.permute(1, 2, 0), cv2.resize(image, None, fx=factor, fy=factor))
        np.testing.assert_allclose(sample.proposals.bboxes, boxes * factor, rtol=1e-6)
        np.testing.assert_array_equal(sample.proposals.scores, results['proposals_scores'])
        np.testing.assert_allclose(sample.homography_matrix, np.diag([factor, factor, 1]), rtol=1e-6)
        assert isinstance(sample, DetDataSample) and sample.gt_label.score.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(results['img'], image)
    np.testing.assert_array_equal(results['proposals'], boxes)
    assert 'scale_factor' not in results and 'gt_bboxes' not in results


def test_scales_are_distinct_uniform_and_in_random_order():
    transform, results = WeakViews(SIDES, num_scales=2), loaded(count=1)
    np.random.seed(0)
    drawn = [tuple(view.shape[1] for view in transform(results)['inputs']) for _ in range(400)]
    assert all(a != b for a, b in drawn)
    assert len(set(drawn)) == 20  # every ordered pair
    counts = [sum(side == first for first, _ in drawn) for side in SIDES]
    assert min(counts) > 50 and max(counts) < 115


def test_same_seed_same_scales():
    transform, results = WeakViews(SIDES, num_scales=3), loaded(count=1)
    runs = []
    for _ in range(2):
        np.random.seed(5)
        runs.append([[v.shape for v in transform(results)['inputs']] for _ in range(4)])
    assert runs[0] == runs[1] and len({str(r) for r in runs[0]}) > 1


def test_cap_pack_options_and_a_flip_before():
    with pytest.raises(ValueError, match='num_classes'):
        WeakViews(SIDES)({k: v for k, v in loaded().items() if k != 'num_classes'})
    views = WeakViews([40, 50], max_size=45, pack=dict(num_classes=7))(loaded())
    assert [max(v.shape) for v in views['inputs']] == [45, 45]
    assert views['data_samples'][0].gt_label.score.shape == (7,)
    flipped = InclusiveRandomFlip(prob=1.0)
    results = loaded()
    results['gt_bboxes'] = results.pop('proposals')
    results = flipped(results)
    results['proposals'] = results.pop('gt_bboxes')
    assert all(sample.flip for sample in WeakViews(SIDES)(results)['data_samples'])


def test_one_scale_and_all_scales():
    assert len(WeakViews([30], num_scales=1)(loaded())['inputs']) == 1
    heights = {v.shape[1] for v in WeakViews(SIDES, num_scales=5)(loaded())['inputs']}
    assert heights == set(SIDES)


def test_collate_gives_one_group_per_scale():
    views = [WeakViews(SIDES)(loaded(str(k), count=3 + k)) for k in range(3)]
    batch = pseudo_collate(views)
    assert [len(batch[key]) for key in ('inputs', 'data_samples')] == [2, 2]
    for scale in range(2):
        assert len(batch['inputs'][scale]) == len(batch['data_samples'][scale]) == 3
        for k in range(3):
            assert batch['inputs'][scale][k] is views[k]['inputs'][scale]
            assert batch['data_samples'][scale][k] is views[k]['data_samples'][scale]


@pytest.mark.parametrize('kwargs', [dict(num_scales=6), dict(num_scales=0), dict(num_scales=2, short_sides=[30, 30])])
def test_too_few_scales(kwargs):
    with pytest.raises(ValueError, match='distinct scales'):
        WeakViews(**{'short_sides': SIDES, **kwargs})


def test_needs_proposals_and_is_registered():
    with pytest.raises(ValueError, match=r"image '7'.*LoadWeakProposals before WeakViews"):
        WeakViews(SIDES)({k: v for k, v in loaded().items() if k != 'proposals'})
    built = Compose([TRANSFORMS.build(dict(type='WeakViews', short_sides=SIDES, max_size=99))])
    assert 'max_size=99' in repr(built) and len(built(loaded())['inputs']) == 2
