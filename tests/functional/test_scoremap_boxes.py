"""Boxes from score maps: presets, contours, connectivity, limits, scores."""

import numpy as np
import pytest
import torch

from wsod_mm.functional.box_rule import BOX_PRESETS, BoxRule, box_rule
from wsod_mm.functional.cam_localization import score_map
from wsod_mm.functional.scoremap_boxes import boxes_from_scoremap, boxes_from_scoremaps, mask_from_scoremap


def picture(*rows):
    """A map from rows of digits: 9 is 1."""
    return torch.tensor([[int(c) / 9 for c in row] for row in rows])


RING = picture(
    '0000000000',
    '0999999900',
    '0990009900',
    '0990009900',
    '0990909900',
    '0990009900',
    '0999999900',
    '0999999900',
    '0000000099',
    '0000000099',
)


def rows(found):
    return sorted(map(tuple, found.bboxes.int().tolist()))


def test_contours():
    assert rows(boxes_from_scoremap(RING)) == [(1, 1, 10, 10)]  # the square touches at a corner
    everything = boxes_from_scoremap(RING, contours='all')
    assert len(everything.bboxes) == 3 and rows(everything)[0] == (1, 1, 10, 10)  # and hole, and what is in it
    largest = boxes_from_scoremap(RING, contours='largest')
    assert rows(largest) == [(1, 1, 10, 10)]
    assert torch.equal(largest.bboxes, boxes_from_scoremap(RING, contours='all', max_boxes=1).bboxes)


def test_connectivity():
    assert rows(boxes_from_scoremap(RING, connectivity=4)) == [(1, 1, 8, 8), (8, 8, 10, 10)]
    inner = boxes_from_scoremap(RING, connectivity=4, contours='all')
    assert (4, 4, 5, 5) in rows(inner) and len(inner.bboxes) == 4
    diagonal = picture('9000', '0900', '0090')
    assert len(boxes_from_scoremap(diagonal).bboxes) == 1
    assert len(boxes_from_scoremap(diagonal, connectivity=4).bboxes) == 3


def test_boxes_are_those_of_the_connected_parts():
    from scipy.ndimage import find_objects, label

    generator = torch.Generator().manual_seed(0)
    for cross in (8, 4):
        maps = score_map(torch.rand(4, 6, 6, generator=generator), (40, 31), 'default')
        for each, found in zip(maps, boxes_from_scoremaps(maps, threshold=0.7, connectivity=cross), strict=True):
            u = (each.numpy() * 255).astype(np.uint8)
            mask = u > int(0.7 * u.max())
            parts = find_objects(label(mask, np.ones((3, 3)) if cross == 8 else None)[0])
            boxes = sorted((s[1].start, s[0].start, s[1].stop, s[0].stop) for s in parts)
            assert rows(found) == boxes  # none of these parts lies in another's hole


def test_thresholds_are_strict_and_in_whole_numbers():
    ramp = torch.arange(256).byte().view(1, 256)
    assert rows(boxes_from_scoremap(ramp, 'blog')) == [(171, 0, 256, 1)]
    assert rows(boxes_from_scoremap(ramp, threshold=0.2)) == [(52, 0, 256, 1)]
    assert rows(boxes_from_scoremap(ramp[:, :101], threshold=0.2)) == [(21, 0, 101, 1)]  # of the map's own maximum
    assert rows(boxes_from_scoremap(ramp[:, :101], 'blog')) == []
    assert rows(boxes_from_scoremap(ramp, threshold=0.95, threshold_mode='quantile')) == [(243, 0, 256, 1)]


def test_mask_of_every_kind_of_threshold():
    scoremap = np.linspace(0, 1, 256).reshape(16, 16)  # 0 .. 255
    for rule, above in ((box_rule('cvpr16'), 51), (box_rule('blog'), 170)):
        assert mask_from_scoremap(scoremap, rule).sum() == 255 - above
    quantile = box_rule('default', threshold_mode='quantile', threshold=0.75)
    assert mask_from_scoremap(torch.from_numpy(scoremap), quantile).sum() == 64
    with pytest.raises(ValueError, match='NaN'):
        mask_from_scoremap(np.full((2, 2), np.nan))


def test_corners():
    full = torch.ones(6, 8)
    assert rows(boxes_from_scoremap(full)) == [(0, 0, 8, 6)]
    assert rows(boxes_from_scoremap(full, corners='wsol')) == [(0, 0, 7, 5)]
    inner = torch.zeros(6, 8)
    inner[1:3, 2:5] = 1
    assert rows(boxes_from_scoremap(inner, corners='wsol')) == rows(boxes_from_scoremap(inner)) == [(2, 1, 5, 3)]


def test_empty_maps():
    blank = torch.zeros(4, 5)
    for name, rule in BOX_PRESETS.items():
        found = boxes_from_scoremap(blank, name)
        assert rows(found) == ([(0, 0, 0, 0)] if rule.empty_box else []), name
        assert found.bboxes.shape[1] == 4 and len(found.scores) == len(found.areas) == len(found.bboxes)


def test_area_limit_and_score():
    m = picture('0000000000', '0330000000', '0330099990', '0000099990', '0000099490', '0000099990')
    found = boxes_from_scoremap(m)
    assert sorted(found.areas.tolist()) == [1, 9]  # through the centres of pixels
    assert len(boxes_from_scoremap(m, min_area=2).bboxes) == 1
    assert not len(boxes_from_scoremap(m, contours='largest', min_area=10).bboxes)
    first = boxes_from_scoremap(m, max_boxes=1)
    assert first.areas.tolist() == [9] and first.scores.tolist() == [1]
    assert boxes_from_scoremap(m, max_boxes=2).areas.tolist() == [9, 1]
    mean = boxes_from_scoremap(m, score='mean', max_boxes=2).scores
    torch.testing.assert_close(mean, torch.tensor([(15 + 4 / 9) / 16, 1 / 3]))
    whole = boxes_from_scoremap((m * 255).byte(), score='mean', max_boxes=2).scores
    torch.testing.assert_close(whole, mean, atol=2e-3, rtol=0)


def test_presets_agree_on_maps_with_minimum_zero():
    torch.manual_seed(0)
    maps = torch.rand(20, 7, 7) ** 2
    maps -= maps.amin((1, 2), keepdim=True)
    for m in maps.div(maps.amax((1, 2), keepdim=True)):
        v1, paper = (boxes_from_scoremap(m, name, threshold=0.2) for name in ('wsol_v1', 'cvpr16'))
        assert torch.equal(v1.bboxes, paper.bboxes)


def test_the_lower_threshold_gives_the_larger_box():
    m = score_map(torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]), (60, 60))
    low, high = (boxes_from_scoremap(m, name).bboxes[0] for name in ('gradcam15', 'cvpr16'))
    assert low[0] < high[0] and low[2] > high[2]


def test_bright_patch_is_covered_after_resizing():
    cam = torch.zeros(7, 12)
    cam[2:4, 8:10] = 1
    x1, y1, x2, y2 = boxes_from_scoremap(score_map(cam, (70, 120)), threshold=0.5).bboxes[0].tolist()
    assert (x1, y1) == pytest.approx((80, 20), abs=1.5) and (x2, y2) == pytest.approx((100, 40), abs=1.5)


def test_several_maps():
    maps = torch.rand(3, 9, 9)
    for batch in (maps, list(maps)):
        for m, found in zip(maps, boxes_from_scoremaps(batch, 'blog'), strict=True):
            assert torch.equal(found.bboxes, boxes_from_scoremap(m, 'blog').bboxes)
    assert boxes_from_scoremaps(maps[:0]) == []


@pytest.mark.parametrize(
    'scoremap, match',
    [
        (torch.rand(2, 3, 3), r'\[H, W\]'),
        (torch.zeros(0, 3), 'not empty'),
        (torch.ones(3, 3, dtype=torch.int64), 'float in'),
        (torch.full((3, 3), 1.01), 'reach from 1.01'),
        (torch.full((3, 3), -0.01), 'reach from -0.01'),
        (torch.tensor([[0.1, float('nan')]]), '1 of 2 values are NaN'),
    ],
)
def test_bad_maps(scoremap, match):
    with pytest.raises(ValueError, match=match):
        boxes_from_scoremap(scoremap)


@pytest.mark.parametrize(
    'changes, match',
    [
        (dict(threshold=2), r'\[0, 1\]'),
        (dict(threshold=300, threshold_mode='absolute'), r'\[0, 255\]'),
        (dict(threshold_mode='otsu'), 'threshold_mode'),
        (dict(contours='inner'), 'contours'),
        (dict(connectivity=6), 'connectivity'),
        (dict(corners='inner'), 'corners'),
        (dict(score='sum'), 'score'),
        (dict(dialect='zhou'), 'dialect'),
        (dict(max_boxes=0), 'max_boxes'),
        (dict(min_area=-1), 'min_area'),
        (dict(treshold=0.2), 'has no treshold'),
    ],
)
def test_bad_rules(changes, match):
    with pytest.raises(ValueError, match=match):
        box_rule('default', **changes)


def test_rules_by_name():
    assert box_rule('blog', threshold=100).threshold == 100 and box_rule('blog') == BOX_PRESETS['blog']
    own = BoxRule(0.4)
    assert box_rule(own) == own and box_rule(own, max_boxes=2).max_boxes == 2
    with pytest.raises(ValueError, match="'cvpr16'"):
        box_rule('cvpr')
