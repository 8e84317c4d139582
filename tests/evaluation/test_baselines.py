"""Chance levels on data where they can be worked out."""

import numpy as np
import pytest

from wsod_mm.evaluation import (
    AnnotatedImages,
    best_centre_fraction,
    centre_box_baseline,
    part_whole_statistics,
    random_proposal_baseline,
)
from wsod_mm.functional.detection_metrics import BoxTable
from wsod_mm.proposals.ground_truth import GroundTruth
from wsod_mm.proposals.store import ProposalStore


def _images(box, count=40):
    objects = GroundTruth(np.array([box], np.float32), ('cat',), np.array([False]))
    other = GroundTruth(np.array([box], np.float32), ('unknown',), np.array([False]))
    return AnnotatedImages.build(
        [(str(i), (100, 80), other if i % 4 == 3 else objects) for i in range(count)], ['cat', 'dog']
    )


def test_objects_of_other_classes_are_left_out():
    images = _images([0, 0, 99, 79])
    assert images.class_frequency().tolist() == [0.75, 0]
    with pytest.raises(ValueError, match='no images'):
        AnnotatedImages.build([], ['cat'])


def test_centre_box_hits_centred_objects_only():
    middle = [15, 12, 84, 67]
    good = centre_box_baseline(_images(middle), np.ones(2), 0.5)
    assert good['CorLoc'] == 100 and good['CorLoc_std'] == 0
    # the box is right wherever there is a cat, so AP is that of a random order: about 3 in 4
    assert 50 < good['mAP_area'] < 95 and good['mAP_area_std'] > 0
    assert centre_box_baseline(_images([0, 0, 20, 20]), np.ones(2), 0.5)['CorLoc'] == 0
    assert best_centre_fraction(_images([0, 0, 99, 79])) >= 0.5
    assert best_centre_fraction(_images([40, 32, 59, 47])) <= 0.1


def test_a_prior_per_image_ranks_the_images():
    images = _images([15, 12, 84, 67])
    knows = np.zeros((len(images.ids), 2))
    knows[np.unique(images.truth.image), 0] = 1
    assert centre_box_baseline(images, knows, 0.5)['mAP_area'] == pytest.approx(100)


def test_random_proposals_hit_in_proportion():
    images = _images([0, 0, 49, 49])
    boxes = np.array([[0, 0, 49, 49], [60, 60, 79, 79], [50, 0, 99, 30], [0, 60, 30, 79]], np.float32)
    store = ProposalStore.from_dict({i: (boxes, None) for i in images.ids})
    result = random_proposal_baseline(images, store, np.array([0.75, 0]), seeds=range(8))
    assert 15 < result['CorLoc'] < 35 and result['CorLoc_std'] > 0 and result['seeds'] == 8
    again = random_proposal_baseline(images, store, np.array([0.75, 0]), seeds=range(8))
    assert str(again) == str(result)
    with pytest.raises(KeyError):
        random_proposal_baseline(images, ProposalStore.from_dict({'x': (boxes, None)}), np.ones(2))


def test_part_whole():
    parts = {
        'a': [{'name': 'cat', 'box': [0, 0, 99, 49], 'head_box': [0, 0, 29, 49]}],
        'b': [{'name': 'cat', 'box': [0, 0, 99, 49], 'head_box': None}],
    }
    top = BoxTable(
        np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([[0, 0, 29, 49], [0, 0, 9, 9], [0, 0, 99, 49]], float)
    )
    statistics = part_whole_statistics(top, ['a', 'b'], ['cat', 'dog'], parts)
    assert statistics == pytest.approx(
        {'boxes': 2, 'iou_object': 65, 'iou_head': 100, 'covered': 65, 'inside': 100, 'on_head': 50, 'hit': 50}
    )
    assert np.isnan(part_whole_statistics(top, ['x', 'y'], ['cat', 'dog'], parts)['covered'])
