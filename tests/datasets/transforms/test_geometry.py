"""Flip, resize and the check that proposals follow the image."""

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose, RandomChoiceResize
from mmcv.transforms import Resize as MMCVResize
from mmdet.datasets.transforms import (
    LoadProposals,
    ProposalBroadcaster,
    RandomCrop,
    RandomFlip,
    Resize,
)
from mmengine.registry import DefaultScope

from wsod_mm.datasets.transforms import (
    DedupProposals,
    InclusiveRandomFlip,
    LoadWeakProposals,
    PackWeakInputs,
    ShortSideResize,
)

BOXES = np.array([[0, 0, 29, 19], [3, 4, 10, 12], [7, 0, 29, 5]], np.float32)


def image_with_box(x1, y1, x2, y2, height=20, width=30):
    image = np.zeros((height, width, 3), np.uint8)
    image[y1 : y2 + 1, x1 : x2 + 1] = 255
    return image


def sample(**kwargs):
    boxes = dict(bboxes=BOXES.copy(), scores=np.zeros(3, np.float32))
    return dict(
        img=image_with_box(3, 4, 10, 12),
        img_shape=(20, 30),
        ori_shape=(20, 30),
        img_id='7',
        img_path='x/7.jpg',
        proposals=boxes,
        image_labels=[1],
        num_classes=3,
        **kwargs,
    )


def run(*transforms, pack=None, broadcast=True, results=None):
    inner = [ProposalBroadcaster(list(transforms))] if broadcast else list(transforms)
    pipeline = Compose([LoadWeakProposals(), *inner, pack or PackWeakInputs()])
    return pipeline(results or sample())['data_samples']


def lit(image):
    rows, columns = np.nonzero(image[..., 0])
    return [columns.min(), rows.min(), columns.max(), rows.max()]


@pytest.mark.parametrize(
    'direction, box',
    [
        ('horizontal', [19, 4, 26, 12]),
        ('vertical', [3, 7, 10, 15]),
        ('diagonal', [19, 7, 26, 15]),
    ],
)
def test_inclusive_flip_moves_boxes_with_pixels(direction, box):
    flip = InclusiveRandomFlip(prob=1.0, direction=direction)
    results = flip(dict(img=image_with_box(3, 4, 10, 12), gt_bboxes=BOXES[1:2].copy()))
    assert results['gt_bboxes'].tolist() == [box] == [lit(results['img'])]
    twice = flip(dict(results))
    assert twice['gt_bboxes'].tolist() == BOXES[1:2].tolist()
    # MMDetection's own flip is a pixel off
    theirs = RandomFlip(prob=1.0, direction=direction)(
        dict(img=image_with_box(3, 4, 10, 12), gt_bboxes=BOXES[1:2].copy())
    )
    assert theirs['gt_bboxes'].tolist() != [box]


def test_flip_probabilities():
    assert not InclusiveRandomFlip(prob=0.0)(dict(img=np.zeros((4, 4, 3))))['flip']
    drawn = {InclusiveRandomFlip(prob=0.5)(dict(img=np.zeros((4, 4, 3))))['flip'] for _ in range(40)}
    assert drawn == {True, False}


@pytest.mark.parametrize(
    'height, width, side, cap, shape',
    [
        (40, 30, 64, 2000, (85, 64)),
        (20, 90, 48, 100, (22, 100)),
        (375, 500, 1200, 1000, (750, 1000)),
    ],
)
def test_resize_uses_one_factor(height, width, side, cap, shape):
    image = np.random.RandomState(0).randint(0, 256, (height, width, 3), np.uint8)
    out = ShortSideResize(side, cap)(dict(img=image, gt_bboxes=BOXES.copy()))
    factor = out['scale_factor'][0]
    assert out['img'].shape[:2] == out['img_shape'] == shape and out['scale_factor'][1] == factor
    np.testing.assert_allclose(out['gt_bboxes'], BOXES * factor, rtol=1e-6)
    np.testing.assert_array_equal(out['img'], cv2.resize(image, None, fx=factor, fy=factor))


def test_resize_takes_segmentation_maps_along():
    seg = image_with_box(3, 4, 10, 12)[..., 0]
    out = ShortSideResize(43)(dict(img=image_with_box(3, 4, 10, 12), gt_seg_map=seg))
    assert out['gt_seg_map'].shape == out['img_shape'] == (43, 64)
    assert set(np.unique(out['gt_seg_map'])) == {0, 255}


def test_scales_are_drawn_with_equal_probability():
    resize = ShortSideResize([10, 20, 40])
    heights = [resize(dict(img=image_with_box(0, 0, 1, 1)))['img_shape'][0] for _ in range(300)]
    assert {h: 60 < heights.count(h) < 140 for h in (10, 20, 40)} == dict.fromkeys((10, 20, 40), True)
    with pytest.raises(ValueError, match='must be positive'):
        ShortSideResize([])


@pytest.mark.parametrize('order', ['flip first', 'resize first'])
@pytest.mark.parametrize('flip', [InclusiveRandomFlip, RandomFlip])
def test_all_orders_and_resizes_pass_the_check(order, flip):
    for resize in (
        ShortSideResize(70),
        Resize(scale=(2000, 70), keep_ratio=True),
        Resize(scale=(77, 41)),
        ShortSideResize([30, 70, 90]),
    ):
        parts = [flip(prob=1.0), resize]
        packed = run(*(parts if order == 'flip first' else parts[::-1]))
        assert packed.flip and len(packed.proposals) == 3


def test_random_choice_resize_of_mmcv_scales_proposals_by_what_the_image_got():
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        resize = RandomChoiceResize(scales=[(2000, 33), (2000, 67)], keep_ratio=True)
    for _ in range(4):
        packed = run(resize)
        height, width = packed.img_shape
        expected = BOXES * np.array([width / 30, height / 20] * 2)
        np.testing.assert_allclose(packed.proposals.bboxes.numpy(), expected, rtol=1e-5)


def test_flip_before_resize_keeps_pixels_and_boxes_together():
    packed = run(InclusiveRandomFlip(prob=1.0), ShortSideResize(80))
    assert packed.proposals.bboxes[1].tolist() == [19 * 4, 4 * 4, 26 * 4, 12 * 4]
    assert packed.scale_factor == (4.0, 4.0)
    # the other order moves corners by factor - 1 pixels
    other = run(ShortSideResize(80), InclusiveRandomFlip(prob=1.0))
    assert other.proposals.bboxes[1, 0] - packed.proposals.bboxes[1, 0] == 3


@pytest.mark.parametrize(
    'transform',
    [
        Resize(scale=(2000, 70), keep_ratio=True),
        ShortSideResize(70),
        RandomFlip(prob=1.0),
        InclusiveRandomFlip(prob=1.0),
    ],
)
def test_forgotten_broadcaster_is_found(transform):
    with pytest.raises(
        ValueError,
        match=r"image '7' \(x/7\.jpg\).*wrap Resize/RandomFlip in "
        'ProposalBroad',
    ):
        run(transform, broadcast=False)
    run(transform, broadcast=False, pack=PackWeakInputs(check_proposals=False))
    run(transform)


def test_forgotten_broadcaster_is_found_without_a_recorded_matrix():
    # MMCV's own Resize keeps no homography_matrix
    with pytest.raises(ValueError, match='wrap Resize'):
        run(MMCVResize(scale=(60, 40)), broadcast=False)
    flipped = sample(flip=True, flip_direction='horizontal')
    with pytest.raises(ValueError, match='already resized or flipped'):
        run(broadcast=False, results=flipped)


def test_one_of_two_wrapped_is_found():
    pipeline = Compose(
        [
            LoadWeakProposals(),
            ProposalBroadcaster([ShortSideResize(70)]),
            InclusiveRandomFlip(prob=1.0),
            PackWeakInputs(),
        ]
    )
    with pytest.raises(ValueError, match='flip=True'):
        pipeline(sample())


def test_dedup_keeps_rows_and_originals_together():
    packed = Compose(
        [
            LoadWeakProposals(),
            ProposalBroadcaster([ShortSideResize(10)]),
            DedupProposals(stride=32),
            PackWeakInputs(),
        ]
    )(sample())['data_samples']
    assert len(packed.proposals) == 1


def test_proposals_of_unknown_origin_are_refused():
    raw = sample()
    with pytest.raises(ValueError, match='use|load them with LoadWeakProposals'):
        Compose([LoadProposals(), PackWeakInputs()])(raw)
    with pytest.raises(ValueError, match='as raw as in the file'):
        PackWeakInputs()(sample())


def test_crops_need_the_check_off():
    np.random.seed(0)
    crop = RandomCrop(crop_size=(10, 12), allow_negative_crop=True)
    with pytest.raises(ValueError, match='crops|drops'):
        for _ in range(5):
            run(crop, broadcast=False)
