"""Recall: by hand on drawn images, and against chance on photographs."""

import json

import numpy as np
import pytest

from wsod_mm.proposals import (
    GenerateOptions,
    ImageSource,
    ProposalFileError,
    ProposalStore,
    check_proposals,
    generate_proposals,
    plot_recall,
    proposal_recall,
    random_store,
)
from wsod_mm.proposals.recall import best_overlaps, write_recall


def test_best_overlaps_by_hand():
    objects = np.array([[0, 0, 9, 9], [20, 20, 29, 29]], np.float32)
    boxes = np.array([[100, 100, 101, 101], [0, 0, 9, 4], [0, 0, 9, 9], [20, 20, 29, 39]], np.float32)
    overlaps = best_overlaps(boxes, objects, (1, 2, 3, 9))
    np.testing.assert_allclose(overlaps, [[0, 0.5, 1, 1], [0, 0, 0, 0.5]])
    assert best_overlaps(boxes[:0], objects, (1, 2)).tolist() == [[0, 0], [0, 0]]


@pytest.fixture
def store():
    far = [0, 0, 1, 1]
    return ProposalStore.from_dict(
        {
            '000005': (np.array([far, [20, 10, 79, 59], [90, 30, 119, 79]]), [0.1, 0.5, 0.9]),
            '000007': (np.array([[0, 40, 49, 84]]), None),  # IoU with the cat: 45 of 90 rows
            '000012': (np.zeros((0, 4)), None),
        }
    )


def test_recall_by_hand(store, voc_root):
    source = ImageSource.from_voc(voc_root)
    data = proposal_recall(store, source, ks=(1, 2), ious=(0.5, 0.7))
    assert data['objects'] == 4 and data['images'] == 3  # the difficult dog is left out
    assert data['recall'] == [[0.25, 0.5], [0, 0.25]]
    assert data['recall_all'] == [0.75, 0.5]
    assert data['mean_best_overlap_all'] == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert data['boxes_per_image'] == pytest.approx(4 / 3)
    assert data['per_class']['cat']['recall_all'] == [1, 0.5]
    assert data['per_class']['dog'] == {
        'objects': 2,
        'recall': [[0, 0], [0, 0]],
        'recall_all': [0.5, 0.5],
        'mean_best_overlap': pytest.approx([0, 0], abs=1e-3),
        'mean_best_overlap_all': 0.5,
    }


def test_difficult_order_and_classes_change_the_answer(store, voc_root):
    source = ImageSource.from_voc(voc_root)
    assert proposal_recall(store, source, difficult=True)['objects'] == 5
    assert proposal_recall(store, source, (1,), (0.5,), order='score')['recall'] == [[0.5]]
    assert proposal_recall(store, source, classes=['cat'])['per_class'].keys() == {'cat'}
    with pytest.raises(ValueError, match='order'):
        proposal_recall(store, source, order='best')
    with pytest.raises(ProposalFileError, match='no object to count'):
        proposal_recall(store, source, classes=['horse'])


def test_missing_images_are_named(voc_root):
    less = ProposalStore.from_dict({'000005': (np.zeros((1, 4)), None)})
    with pytest.raises(ProposalFileError, match='000007, 000012'):
        proposal_recall(less, ImageSource.from_voc(voc_root))


def test_files(store, voc_root, tmp_path):
    source = ImageSource.from_voc(voc_root)
    chance = random_store(source, 20)
    assert chance.counts.tolist() == [20] * 3
    curves = {'ours': proposal_recall(store, source), 'chance': proposal_recall(chance, source)}
    write_recall(curves, tmp_path / 'r.json')
    assert json.loads((tmp_path / 'r.json').read_text()) == json.loads(json.dumps(curves))
    png = plot_recall(curves, tmp_path / 'r.png').read_bytes()
    assert png.startswith(b'\x89PNG') and len(png) > 20_000
    assert plot_recall({'one': proposal_recall(store, source, (1,), (0.6,))}, tmp_path / 's.png')


def test_real_photographs(shared_data, tmp_path):
    """Selective search beats as many random boxes on real images, and its file is sound."""
    root = shared_data / 'voc2012_20cls_native' / 'VOC2007'
    source = ImageSource(ImageSource.from_voc(root, 'val')[:8], 'eight images of val')
    options = GenerateOptions(long_side=200)
    store = generate_proposals(source, tmp_path / 'p.npz', options, workers=1, progress=False)
    counts = dict(zip(store.ids, store.counts.tolist(), strict=True))
    ours = proposal_recall(store, source)
    chance = proposal_recall(random_store(source, counts.__getitem__), source)
    assert ours['recall_all'][0] > 0.75 and ours['recall_all'][2] > chance['recall_all'][2] + 0.1
    assert ours['mean_best_overlap_all'] > chance['mean_best_overlap_all'] + 0.05
    report = check_proposals(store, source, ground_truth=True)
    assert report.ok and not report.warnings and report.outside == report.duplicates == 0
