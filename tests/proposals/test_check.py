"""What `check` calls an error, a warning, or neither."""

import numpy as np
import pytest

from wsod_mm.proposals import ImageSource, ProposalStore, check_proposals


@pytest.fixture
def source(voc_root):
    return ImageSource.from_voc(voc_root)


def _store(boxes):
    return ProposalStore.from_dict({i: (b, None) for i, b in boxes.items()})


def test_good_file(boxes, source):
    boxes['extra'] = boxes['000005']
    report = check_proposals(_store(boxes), source)
    assert report.ok and report.extra == 1 and report.boxes == 180 and report.per_image == (60,) * 3
    assert str(report).endswith('OK')


def test_missing_images_by_name(boxes, source):
    del boxes['000007']
    report = check_proposals(_store(boxes), source)
    assert not report.ok and report.missing == ['000007'] and '000007' in report.errors[0]
    assert 'generate' in str(report)


def test_empty_image(boxes, source):
    boxes['000012'] = np.array([[500, 500, 600, 600]], np.float32)
    boxes['000005'] = np.zeros((0, 4))
    report = check_proposals(_store(boxes), source, max_outside=0.5)
    assert report.empty == ['000005', '000012'] and 'no usable box in 2 images' in report.errors[0]


@pytest.mark.parametrize(('columns', 'shift', 'fix'), [((1, 0, 3, 2), 0, 'yxyx, 0'), ((0, 1, 2, 3), 1, 'xyxy, 1')])
def test_wrong_order(boxes, source, columns, shift, fix):
    report = check_proposals(_store({i: b[:, columns] + shift for i, b in boxes.items()}), source)
    assert not report.ok and f'fit as {fix}-based' in report.errors[0]


def test_harmless_oddities_are_counted(boxes, source):
    boxes['000005'] = np.concatenate([boxes['000005']] * 3)
    boxes['000005'][0] = [50, 5, 40, 20]
    report = check_proposals(_store(boxes), source)
    assert report.ok and report.degenerate == report.outside == 1
    assert report.duplicates >= 119 and 'duplicates' in report.warnings[0]


def test_never_touching_the_border_and_few_boxes(source):
    rng = np.random.default_rng(0)
    low = np.floor(rng.uniform(1, 30, (400, 2)))
    report = check_proposals(_store({i: np.hstack([low, low + 20]) for i in source.ids}), source)
    assert report.ok and any('1-based' in w for w in report.warnings)
    report = check_proposals(_store({i: low[:5].repeat(2, 1) for i in source.ids}), source)
    assert any('has 5 boxes' in w for w in report.warnings)


def test_ground_truth_among_the_proposals(boxes, source):
    assert check_proposals(_store(boxes), source, ground_truth=True).ok
    for index, image_id in enumerate(source.ids):
        boxes[image_id] = np.concatenate([source.ground_truth(index).boxes, boxes[image_id]])
    report = check_proposals(_store(boxes), source, ground_truth=True)
    assert not report.ok and '5 of 5 annotated boxes' in report.errors[0]
    assert check_proposals(_store(boxes), source).ok  # only looked at when asked


def test_unreadable_image(boxes, source, voc_root):
    (voc_root / 'JPEGImages' / '000007.jpg').unlink()
    report = check_proposals(_store(boxes), source)
    assert not report.ok and '000007.jpg' in report.errors[0]
    assert report.as_dict()['ok'] is False
