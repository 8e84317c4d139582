"""Label maps from walks: padding, planes, borders, images without classes."""

import pytest
import torch
import torch.nn.functional as F

from wsod_mm.functional.pixel_pairs import pair_offsets
from wsod_mm.functional.random_walk import random_walk, transition_matrix
from wsod_mm.functional.walk_labels import (
    irn_scores,
    irn_walk,
    irn_walk_labels,
    pooled_scores,
    psa_scores,
    psa_walk,
    psa_walk_labels,
    scores_to_labels,
)

SIZE = (45, 83)
GRID = (6, 11)


@pytest.fixture
def image():
    generator = torch.Generator().manual_seed(3)
    cam = F.interpolate(torch.rand(1, 2, 4, 5, generator=generator), SIZE, mode='bilinear')[0]
    affinity = torch.rand(len(pair_offsets(5)), *GRID, generator=generator)
    return cam / cam.amax(dim=(1, 2), keepdim=True), torch.tensor([3, 11]), affinity


def test_pooled_scores_are_means_with_zeros_outside(image):
    cam = image[0]
    pooled = pooled_scores(cam, alpha=4)
    background = (1 - cam.amax(0)) ** 4
    planes = torch.zeros(3, 48, 88)
    planes[:, :45, :83] = torch.cat([background[None], cam])
    for y, x in ((0, 0), (5, 10), (5, 3), (2, 10)):
        torch.testing.assert_close(pooled[:, y, x], planes[:, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8].mean(dim=(1, 2)))
    assert pooled.shape == (3, *GRID)


def test_planes_of_absent_classes_are_not_needed(image):
    cam, keys, affinity = image
    planes = torch.zeros(21, *GRID, dtype=torch.float64)
    planes[[0, 4, 12]] = pooled_scores(cam.double(), 1)
    walked = random_walk(planes, transition_matrix(affinity, pair_offsets(5), 8), 1)
    scores = F.interpolate(walked[None], scale_factor=8, mode='bilinear')[0]
    expected = scores.argmax(0)[:45, :83]
    labels = psa_walk_labels(cam, keys, affinity, alpha=1, steps=1)
    assert torch.equal(labels, expected.byte())
    assert set(labels.unique().tolist()) == {0, 4, 12}


@pytest.mark.parametrize(
    'change',
    [{'alpha': 4}, {'beta': 1}, {'steps': 8}, {'border': 'reference'}],
    ids=['alpha', 'beta', 'steps', 'border'],
)
def test_every_switch_of_the_walk_counts(image, change):
    cam, _, affinity = image
    assert (psa_walk(cam, affinity) - psa_walk(cam, affinity, **change)).abs().max() > 1e-3


def test_radius_and_stride(image):
    cam, keys, affinity = image
    inner = affinity[: len(pair_offsets(3))]
    assert psa_walk(cam, inner, radius=3).shape == (3, *GRID)
    low = cam[:, :12, :20]
    labels = psa_walk_labels(low, keys, affinity[:, :3, :5], stride=4)
    assert labels.shape == (12, 20)


def test_methods_and_dtypes_agree(image):
    cam, _, affinity = image
    walked = psa_walk(cam, affinity)
    torch.testing.assert_close(psa_walk(cam, affinity, method='stencil'), walked, rtol=0, atol=1e-13)
    single = psa_walk(cam, affinity, dtype=torch.float32)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), walked, rtol=0, atol=2e-4)


def test_image_without_classes_is_background(image):
    cam, keys, affinity = image
    for labels in (
        psa_walk_labels(cam[:0], keys[:0], affinity),
        psa_walk_labels(0 * cam, keys, affinity),
        irn_walk_labels(torch.zeros(0, 12, 21), [], torch.rand(12, 21), SIZE),
        irn_walk_labels(torch.zeros(2, 12, 21), keys, torch.rand(12, 21), SIZE),
        irn_walk_labels(torch.rand(2, 12, 21), keys, torch.ones(12, 21), SIZE),
    ):
        assert labels.dtype == torch.uint8 and labels.shape == SIZE and not labels.any()


def test_one_pixel():
    affinity = torch.rand(len(pair_offsets(5)), 1, 1)
    assert psa_walk_labels(torch.ones(1, 1, 1), [7], affinity).tolist() == [[8]]
    assert irn_walk_labels(torch.ones(1, 1, 1), [7], torch.zeros(1, 1), (1, 1)).tolist() == [[8]]


def test_first_of_equal_scores_counts():
    scores = torch.tensor([[0.5, 0.2, 0.1], [0.5, 0.2, 0.3], [0.5, 0.4, 0.3]])[:, None]
    assert scores_to_labels(scores, [2, 19]).tolist() == [[0, 20, 3]]
    with pytest.raises(ValueError, match='need 2 planes'):
        scores_to_labels(scores, [2])


def test_boundary_stops_a_walk():
    edge = torch.zeros(12, 30)
    edge[:, 15] = 1
    cam = torch.zeros(1, 12, 30)
    cam[0, 4:8, 4:8] = 1
    walked = irn_walk(cam, edge)[0]
    assert walked[:, :15].min() > 0.01 and not walked[:, 15:].any()
    labels = irn_walk_labels(cam, [0], edge, (47, 118))
    assert labels.shape == (47, 118) and labels[:, :56].all() and not labels[:, 66:].any()
    assert not irn_walk_labels(cam, [0], edge, (47, 118), bg_threshold=1.1).any()
    assert irn_walk(cam, 0 * edge)[0, :, 15:].max() > 0.01


def test_seeds_are_weaker_on_boundaries():
    edge = torch.full((3, 4), 0.25)
    cam = torch.rand(2, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(irn_walk(cam, edge, steps=0), 0.75 * cam)


@pytest.mark.parametrize(
    ('change', 'size'), [({'beta': 2}, (9, 7)), ({'steps': 2}, (9, 7)), ({'radius': 3}, (9, 7)), ({'beta': 2}, (3, 4))]
)
def test_switches_of_irn(change, size):
    generator = torch.Generator().manual_seed(0)
    cam, edge = torch.rand(2, *size, generator=generator), torch.rand(size, generator=generator)
    assert (irn_walk(cam, edge) - irn_walk(cam, edge, **change)).abs().max() > 1e-3
    torch.testing.assert_close(irn_walk(cam, edge, method='stencil'), irn_walk(cam, edge), rtol=0, atol=1e-13)


def test_scores_are_relative_to_the_largest_of_all():
    walked = torch.rand(3, 5, 6)
    scores, large = irn_scores(walked, (18, 23)), psa_scores(walked, (18, 23), 4)
    torch.testing.assert_close(scores, large / large.amax())
    assert irn_scores(walked[:0], (18, 23)).shape == (0, 18, 23)
    assert not irn_scores(0 * walked, (18, 23)).any()


def test_what_does_not_fit(image):
    cam, _, affinity = image
    with pytest.raises(ValueError, match=r'need affinities \(34, 6, 11\)'):
        psa_walk(cam, affinity[:, :5])
    with pytest.raises(ValueError, match='border must be one of'):
        psa_walk(cam, affinity, border='inner')
    with pytest.raises(ValueError, match='cam must be'):
        pooled_scores(cam[0])
    with pytest.raises(ValueError, match=r'edge \[h, w\]'):
        irn_walk(cam, cam[0, :3])
    with pytest.raises(ValueError, match='do not cover'):
        psa_scores(torch.rand(2, 3, 4), (25, 30))
