"""Every foreign format, written here as its own program writes it, comes back as our boxes."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from wsod_mm.proposals import (
    ImageSource,
    ProposalFileError,
    ProposalStore,
    convert_proposals,
    to_mmdet,
)
from wsod_mm.proposals.convert import detect_format

Boxes = dict[str, np.ndarray]


def _cell(items) -> np.ndarray:
    cell = np.empty((1, len(items)), object)
    for i, item in enumerate(items):
        cell[0, i] = item
    return cell


def _matlab(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, [1, 0, 3, 2]] + 1).astype(np.float64)


def _scores(boxes: np.ndarray) -> np.ndarray:
    return np.linspace(1, 0.1, len(boxes)).astype(np.float32)


def _dump(path: Path, content) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def write_fast_rcnn(boxes: Boxes, path: Path, names: bool = True) -> Path:
    content = {'boxes': _cell([_matlab(b) for b in boxes.values()])}
    if names:
        content['images'] = _cell(list(boxes)).T
    savemat(path / 'voc.mat', content)
    return path / 'voc.mat'


def write_fast_rcnn_positional(boxes: Boxes, path: Path) -> Path:
    return write_fast_rcnn(boxes, path, names=False)


def write_demo(boxes: Boxes, path: Path) -> Path:
    for image_id, b in boxes.items():
        savemat(path / f'{image_id}_boxes.mat', {'boxes': b.astype(np.uint16)})
    return path


def write_mcg(boxes: Boxes, path: Path) -> Path:
    for image_id, b in boxes.items():
        savemat(path / f'{image_id}.mat', {'boxes': _matlab(b), 'scores': _scores(b)[:, None]})
    return path


def write_hosang(boxes: Boxes, path: Path) -> Path:
    for image_id, b in boxes.items():
        savemat(path / f'{image_id}.mat', {'boxes': b + 1, 'scores': _scores(b)[:, None]})
    return path


def write_detectron(boxes: Boxes, path: Path) -> Path:
    ids = list(boxes)[::-1]  # any order: the ids say which is which
    content = dict(
        boxes=[boxes[i] for i in ids],
        scores=[_scores(boxes[i]) for i in ids],
        indexes=[np.int64(int(i)) for i in ids],
    )
    return _dump(path / 'p.pkl', content)


def write_detectron2(boxes: Boxes, path: Path) -> Path:
    content = dict(
        boxes=[b.astype(np.int16) for b in boxes.values()],
        objectness_logits=[_scores(b) for b in boxes.values()],
        ids=list(boxes),
        bbox_mode=0,
    )
    return _dump(path / 'p.pkl', content)


def write_mmdet3(boxes: Boxes, path: Path) -> Path:
    content = {f'JPEGImages/{i}.jpg': {'bboxes': b, 'scores': _scores(b)} for i, b in boxes.items()}
    return _dump(path / 'p.pkl', content)


def write_mmdet2(boxes: Boxes, path: Path) -> Path:
    content = [np.concatenate([b, _scores(b)[:, None]], axis=1) for b in boxes.values()]
    return _dump(path / 'p.pkl', content)


def write_plain_npz(boxes: Boxes, path: Path) -> Path:
    np.savez(path / 'p.npz', **boxes)
    return path / 'p.npz'


def write_store(boxes: Boxes, path: Path) -> Path:
    return ProposalStore.from_dict({i: (b, _scores(b)) for i, b in boxes.items()}).save(path / 'p.npz')


CASES = {
    'fast-rcnn-mat': (write_fast_rcnn, 'fast-rcnn-mat', False),
    'fast-rcnn-mat-positional': (write_fast_rcnn_positional, 'fast-rcnn-mat', False),
    'fast-rcnn-demo-mat': (write_demo, 'fast-rcnn-demo-mat', False),
    'mcg-mat': (write_mcg, 'mcg-mat', True),
    'mcg-hosang-mat': (write_hosang, None, True),  # looks like Berkeley's: must be named
    'detectron-pkl': (write_detectron, 'detectron-pkl', True),
    'wetectron-pkl': (write_detectron, None, True),  # the same keys
    'detectron2-pkl': (write_detectron2, 'detectron2-pkl', True),
    'mmdet-pkl': (write_mmdet3, 'mmdet-pkl', True),
    'mmdet2-pkl': (write_mmdet2, 'mmdet-pkl', True),
    'npz': (write_plain_npz, 'npz', False),
    'store': (write_store, 'npz', True),
}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / 'foreign').mkdir()
    return tmp_path / 'foreign'


@pytest.fixture
def source(voc_root) -> ImageSource:
    return ImageSource.from_voc(voc_root)


@pytest.mark.parametrize('case', CASES)
def test_format(case: str, boxes: Boxes, source: ImageSource, folder: Path):
    write, detected, scored = CASES[case]
    path = write(boxes, folder)
    if detected:
        assert detect_format(path) == detected
    store, report = convert_proposals(path, source, 'auto' if detected else case)
    assert store.ids == source.ids and report.outside == 0 and not report.warnings
    for image_id, b in boxes.items():
        ours, scores = store.get(image_id)
        np.testing.assert_array_equal(ours, b)
        np.testing.assert_allclose(scores, _scores(b) if scored else 0, rtol=1e-6)
    assert f'{len(boxes) * 60} boxes of 3 images' in str(report)


@pytest.mark.parametrize(
    ('write', 'wrong', 'fits'),
    [
        (write_fast_rcnn, dict(order='xyxy', offset=1), '--order yxyx --offset 1'),
        (write_fast_rcnn, dict(order='yxyx', offset=0), '--order yxyx --offset 1'),
        (write_detectron, dict(order='yxyx'), '--order xyxy --offset 0'),
        (write_detectron, dict(offset=1), '--order xyxy --offset 0'),
        (write_hosang, dict(format='mcg-mat'), '--order xyxy --offset 1'),
        (write_mcg, dict(format='mcg-hosang-mat'), '--order yxyx --offset 1'),
        (write_demo, dict(format='mcg-mat'), '--order xyxy --offset 0'),
    ],
)
def test_wrong_order_or_offset_is_refused_and_the_right_one_named(
    write: Callable, wrong: dict, fits: str, boxes: Boxes, source: ImageSource, folder: Path
):
    path = write(boxes, folder)
    with pytest.raises(ProposalFileError, match=r'of 180 boxes \(\d+\.\d%\) leave') as error:
        convert_proposals(path, source, **wrong)
    first_fit = str(error.value).split('What would fit: ')[1]
    assert first_fit.startswith(fits)


def test_xywh_boxes_state_their_mode_or_are_refused(boxes, source, folder):
    xywh = {i: np.concatenate([b[:, :2], b[:, 2:] - b[:, :2] + 1], 1) for i, b in boxes.items()}
    content = dict(boxes=list(xywh.values()), ids=list(xywh), bbox_mode=1)
    store, report = convert_proposals(_dump(folder / 'p.pkl', content), source)
    assert report.order == 'xywh'
    np.testing.assert_array_equal(store.get('000007')[0], boxes['000007'])
    del content['bbox_mode']
    with pytest.raises(ProposalFileError, match='--order xywh --offset 0'):
        convert_proposals(_dump(folder / 'p.pkl', content), source)


def test_boxes_of_other_images_fit_nowhere(boxes, source, folder):
    huge = {i: b * 10 for i, b in boxes.items()}
    with pytest.raises(ProposalFileError, match='No other order or offset fits'):
        convert_proposals(write_detectron(huge, folder), source)


def test_few_boxes_outside_are_clipped_and_counted(boxes, source, folder):
    boxes['000005'] = boxes['000005'].copy()
    boxes['000005'][3] = [5, 5, 200, 50]
    store, report = convert_proposals(write_detectron(boxes, folder), source)
    assert store.get('000005')[0][3].tolist() == [5, 5, 119, 50]
    assert report.outside == pytest.approx(1 / 180) and report.dropped == 0


def test_superset_is_accepted_and_what_is_missing_is_named(boxes, voc_root, source, folder):
    path = write_detectron(boxes, folder)
    store, report = convert_proposals(path, ImageSource.from_voc(voc_root, 'train'))
    assert store.ids == ['000005', '000012'] and report.unused == 1
    del boxes['000007']
    path = write_detectron(boxes, folder)
    with pytest.raises(ProposalFileError, match='no proposals for 1 of 3 images: 000007'):
        convert_proposals(path, source)
    store, report = convert_proposals(path, source, allow_missing=True)
    assert report.missing == ['000007'] and '000007' not in store


def test_positions_need_the_very_list(boxes, voc_root, folder):
    path = write_fast_rcnn_positional(boxes, folder)
    with pytest.raises(ProposalFileError, match='names no images and has 3 entries.*has 2'):
        convert_proposals(path, ImageSource.from_voc(voc_root, 'train'))


def test_other_split_is_refused(boxes, source, folder):
    others = {f'9{i[1:]}': b for i, b in boxes.items()}
    with pytest.raises(ProposalFileError, match=r'none of its 3 entries.*ids like \[900012'):
        convert_proposals(write_detectron(others, folder), source)


def test_train_and_val_files_are_joined(boxes, source, tmp_path, folder):
    (tmp_path / 'b').mkdir()
    first = write_detectron({'000005': boxes['000005']}, folder)
    rest = write_detectron({i: boxes[i] for i in ('000007', '000012')}, tmp_path / 'b')
    store, _ = convert_proposals([rest, first], source)
    np.testing.assert_array_equal(store.get('000005')[0], boxes['000005'])
    with pytest.raises(ProposalFileError, match='another input file too'):
        convert_proposals([rest, first, first], source)


def test_roidb_with_ground_truth_is_refused(boxes, source, folder):
    roidb = [dict(boxes=b, gt_classes=np.zeros(len(b))) for b in boxes.values()]
    with pytest.raises(ProposalFileError, match='ground truth in it'):
        convert_proposals(_dump(folder / 'p.pkl', roidb), source)
    content = dict(boxes=list(boxes.values()), ids=list(boxes), gt_boxes=[])
    with pytest.raises(ProposalFileError, match='ground truth in it'):
        convert_proposals(_dump(folder / 'p.pkl', content), source)


def test_broken_content(boxes, source, folder):
    no_ids = dict(boxes=list(boxes.values()), scores=[])
    with pytest.raises(ProposalFileError, match="neither 'indexes' nor 'ids'"):
        convert_proposals(_dump(folder / 'p.pkl', no_ids), source)
    uneven = dict(boxes=list(boxes.values()), ids=[5, 7])
    with pytest.raises(ProposalFileError, match='3 entries of boxes, 2 ids'):
        convert_proposals(_dump(folder / 'p.pkl', uneven), source)
    table = dict(boxes=[np.zeros((2, 3))], ids=[5])
    with pytest.raises(ProposalFileError, match=r'image 5: boxes must be \[R,4\]'):
        convert_proposals(_dump(folder / 'p.pkl', table), source)
    twice = dict(boxes=[np.zeros((1, 4))] * 2, ids=[5, '000005'])
    with pytest.raises(ProposalFileError, match="both belong to image '000005'"):
        convert_proposals(_dump(folder / 'p.pkl', twice), source)
    with pytest.raises(ProposalFileError, match='unknown format'):
        convert_proposals(folder / 'p.pkl', source, 'coco')
    with pytest.raises(ProposalFileError, match='no such file'):
        convert_proposals(folder / 'absent.pkl', source)
    (folder / 'p.json').write_text('{}')
    with pytest.raises(ProposalFileError, match='--format'):
        convert_proposals(folder / 'p.json', source)


def test_one_based_boxes_that_slip_through_are_pointed_out(source, folder):
    rng = np.random.default_rng(0)
    low = np.floor(rng.uniform(1, 30, (400, 2)))
    boxes = {i: np.concatenate([low, low + 20], 1).astype(np.float32) for i in source.ids}
    _, report = convert_proposals(write_detectron(boxes, folder), source)
    assert '--offset 1' in report.warnings[0]


def test_export_for_mmdet_round_trip(boxes, source, voc_root, tmp_path):
    store = ProposalStore.from_dict({i: (b, _scores(b)) for i, b in boxes.items()})
    path = to_mmdet(store, ImageSource.from_voc(voc_root, 'train'), tmp_path / 'p.pkl')
    content = pickle.loads(path.read_bytes())
    assert list(content) == ['JPEGImages/000005.jpg', 'JPEGImages/000012.jpg']  # one per image
    item = content['JPEGImages/000012.jpg']
    assert item['bboxes'].dtype == item['scores'].dtype == np.float32
    again, _ = convert_proposals(path, ImageSource.from_voc(voc_root, 'train'))
    np.testing.assert_array_equal(again.get('000012')[0], boxes['000012'])
    less = ProposalStore.from_dict({'000005': (boxes['000005'], None)})
    with pytest.raises(ProposalFileError, match='2 of the 3 images.*000007, 000012'):
        to_mmdet(less, source, tmp_path / 'q.pkl')


def test_mmdet_reads_the_export(boxes, voc_root, source, tmp_path):
    datasets = pytest.importorskip('mmdet.datasets')
    store = ProposalStore.from_dict({i: (b, None) for i, b in boxes.items()})
    path = to_mmdet(store, source, tmp_path / 'p.pkl')
    dataset = datasets.VOCDataset(
        data_root=str(voc_root.parent) + '/',
        data_prefix=dict(sub_data_root='VOC2007/'),
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        metainfo=dict(classes=('cat', 'dog')),
        proposal_file=str(path),
        pipeline=[],
    )
    info = dataset.get_data_info(1)
    np.testing.assert_array_equal(info['proposals']['bboxes'], boxes['000007'])
