"""Clip, filter, deduplicate, cap."""

import numpy as np
import pytest

from wsod_mm.datasets.transforms import DedupProposals, LoadWeakProposals

BOXES = np.array(
    [
        [-4, -4, 10, 10],
        [0, 0, 10, 10],
        [70, 0, 90, 9],
        [5, 5, 5, 30],
        [20, 10, 80, 50],
        [1, 2, 30, 31],
    ],
    np.float32,
)
SCORES = np.array([1, 2, 3, 4, 5, 6], np.float32)


def sample(boxes=BOXES, scores=SCORES, **kwargs):
    return dict(
        img_id='7',
        img_path='x/7.jpg',
        img_shape=(40, 60),
        proposals=dict(bboxes=boxes, scores=scores),
        **kwargs,
    )


def load(results=None, **kwargs):
    results = LoadWeakProposals(**kwargs)(results or sample())
    assert results['proposals'].dtype == results['proposals_scores'].dtype == np.float32
    np.testing.assert_array_equal(results['proposals'], results['proposals_original'])
    assert results['proposals'] is not results['proposals_original']
    return results['proposals'].tolist(), results['proposals_scores'].tolist()


def test_default_clips_and_removes_what_is_outside_or_double():
    boxes, scores = load()
    assert boxes == [[0, 0, 10, 10], [5, 5, 5, 30], [20, 10, 59, 39], [1, 2, 30, 31]]
    assert scores == [1, 4, 5, 6]


def test_switches_change_the_result():
    assert len(load(dedup=False)[0]) == 5
    assert load(clip=False)[0][0] == [-4, -4, 10, 10] and len(load(clip=False)[0]) == 6
    assert load(min_size=2)[1] == [1, 5, 6]
    assert load(min_size=30, min_size_rule='inclusive')[1] == [5, 6]
    empty = load(min_size=30, min_size_rule='pcl', on_empty='whole_image')
    assert empty == ([[0, 0, 59, 39]], [0])
    assert load(max_num=2)[1] == [1, 4]
    assert load(max_num=2, order='score')[1] == [6, 5]


def test_random_cap_differs_in_training_and_not_at_test():
    boxes = np.random.RandomState(0).randint(0, 30, (200, 4)).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    scores = np.arange(200, dtype=np.float32)

    def draw(**kwargs):
        return tuple(load(sample(boxes, scores, **kwargs), max_num=20, order='random')[1])

    assert len({draw(test_mode=False) for _ in range(4)}) == 4
    assert len({draw(test_mode=True) for _ in range(4)}) == 1
    np.random.seed(3)
    first = draw()
    np.random.seed(3)
    assert draw() == first


def test_the_file_entry_stays_untouched():
    boxes = BOXES.copy()
    load(sample(boxes))
    np.testing.assert_array_equal(boxes, BOXES)


def test_image_without_proposals():
    for empty in (sample(np.zeros((0, 4)), np.zeros(0)), sample(BOXES[2:3], SCORES[2:3])):
        with pytest.raises(
            ValueError,
            match=r"image '7' \(x/7\.jpg\) has no proposals "
            'left.*generate',
        ):
            LoadWeakProposals()(empty)
    assert load(sample(np.zeros((0, 4)), np.zeros(0)), on_empty='whole_image')[0] == [[0, 0, 59, 39]]
    with pytest.raises(ValueError, match='comes without proposals.*proposal_file'):
        LoadWeakProposals()(dict(img_id='7', img_shape=(40, 60)))


def test_place_in_the_pipeline_and_options_are_checked():
    with pytest.raises(ValueError, match='already resized'):
        LoadWeakProposals()(sample(scale_factor=(2.0, 2.0)))
    bare = sample()
    del bare['img_shape']
    with pytest.raises(ValueError, match='put LoadWeakImage before'):
        LoadWeakProposals()(bare)
    for option in (dict(order='x'), dict(min_size_rule='x'), dict(on_empty='x')):
        with pytest.raises(ValueError, match="'x'"):
            LoadWeakProposals(**option)


def test_dedup_on_cells_in_training_only():
    boxes = np.array([[0, 0, 30, 30], [1, 1, 31, 29], [16, 0, 30, 30]], np.float32)
    results = dict(proposals=boxes, proposals_scores=np.arange(3.0), proposals_original=boxes / 2)
    out = DedupProposals(stride=8, order='file')(dict(results))
    assert [len(out[k]) for k in results] == [2, 2, 2] and out['proposals_scores'].tolist() == [
        0,
        2,
    ]
    assert len(DedupProposals(stride=1)(dict(results))['proposals']) == 3
    assert len(DedupProposals(stride=8)(dict(results, test_mode=True))['proposals']) == 3
    assert len(DedupProposals(stride=8, at_test=True)(dict(results, test_mode=True))['proposals']) == 2
    with pytest.raises(ValueError, match='stride'):
        DedupProposals(stride=0)
