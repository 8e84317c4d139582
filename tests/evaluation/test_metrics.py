"""The two metrics as MMEngine's evaluator calls them."""

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData, LabelData

import wsod_mm.evaluation  # noqa: F401  (registers the metrics)
from wsod_mm.evaluation import DetectionFile, MultiLabelMetric, WeakVOCMetric
from wsod_mm.registry import METRICS

META = {'classes': ('cat', 'dog', 'cow')}


def _instances(boxes, labels, scores=None):
    data = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), labels=torch.tensor(labels, dtype=torch.long)
    )
    if scores is not None:
        data.scores = torch.tensor(scores, dtype=torch.float32)
    return data


def _samples(with_top=True):
    first = DetDataSample(metainfo={'img_id': '000001', 'img_path': 'a/000001.jpg'})
    first.gt_instances = _instances([[0, 0, 9, 9]], [0])
    first.ignored_instances = _instances([[20, 20, 39, 39]], [1])
    first.pred_instances = _instances([[0, 0, 9, 8], [20, 20, 39, 39], [0, 0, 3, 3]], [0, 1, 0], [0.9, 0.8, 0.95])
    second = DetDataSample(metainfo={'img_id': '000002', 'img_path': 'a/000002.jpg'})
    second.gt_instances = _instances([[5, 5, 24, 24], [40, 40, 60, 60]], [0, 1])
    second.ignored_instances = _instances([], [])
    second.pred_instances = _instances([[5, 5, 24, 14], [40, 40, 60, 60]], [0, 1], [0.7, 0.001])
    if with_top:
        first.top1_instances = _instances([[0, 0, 9, 9], [20, 20, 39, 39], [0, 0, 1, 1]], [0, 1, 2], [0.9, 0.8, 0.1])
        second.top1_instances = _instances([[5, 5, 24, 24], [0, 0, 5, 5], [0, 0, 1, 1]], [0, 1, 2], [0.9, 0.8, 0.1])
    return [first, second]


def _run(metric, samples):
    metric.dataset_meta = META
    evaluator = Evaluator([metric])
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def test_numbers_worked_out_by_hand():
    metric = WeakVOCMetric()
    result = _run(metric, _samples())
    # cat: ranks .95 false, .9 true, .7 false (IoU exactly .5) of 2 objects; dog: .8 ignored (difficult), .001 true of 1
    assert metric.details['ap_area'][:2] == pytest.approx([25, 100])
    assert metric.details['ap_11pt'][:2] == pytest.approx([100 * 0.5 * 6 / 11, 100])
    assert np.isnan(metric.details['ap_area'][2]) and np.isnan(metric.details['corloc'][2])
    # dog: hits the difficult one, misses the other
    assert metric.details['corloc'][:2] == [100, 50]
    assert result == {
        'voc/mAP_11pt': pytest.approx((100 * 3 / 11 + 100) / 2),
        'voc/mAP_area': pytest.approx(62.5),
        'voc/CorLoc': pytest.approx(75),
    }
    assert metric.details['num_positive'] == [2, 1, 0] and metric.details['num_images'] == [2, 2, 0]


@pytest.mark.parametrize(
    'option, key, before, after',
    [
        ({'strict': False}, 'ap_area', 25, 66.6667),  # the box of IoU .5 becomes true
        ({'iou_thr': 0.95}, 'ap_area', 25, 0),
        ({'round_like_devkit': True}, 'ap_area', 25, 25),
    ],
)
def test_switches_change_the_numbers(option, key, before, after):
    plain, switched = WeakVOCMetric(), WeakVOCMetric(**option)
    _run(plain, _samples())
    _run(switched, _samples())
    assert plain.details[key][0] == pytest.approx(before)
    assert switched.details[key][0] == pytest.approx(after, abs=1e-3)


def test_devkit_rounding_loses_the_order_of_small_scores():
    samples = _samples()
    samples[0].pred_instances.scores *= 1e-4
    samples[1].pred_instances.scores *= 1e-4
    rounded = WeakVOCMetric(round_like_devkit=True)
    _run(rounded, samples)
    # .95e-4, .9e-4 and .7e-4 all become .000: the first row, the true box, comes first
    assert rounded.details['ap_area'][0] == pytest.approx(50)


def test_corloc_falls_back_to_the_best_detection():
    metric = WeakVOCMetric()
    _run(metric, _samples(with_top=False))
    assert metric.details['corloc'][:2] == [0, 100]


def test_dump_holds_everything(tmp_path):
    path = tmp_path / 'deep' / 'detections.npz'
    _run(WeakVOCMetric(dump_path=str(path)), _samples())
    file = DetectionFile.load(path)
    assert file.classes == META['classes'] and file.img_ids == ('000001', '000002')
    assert file.img_paths[1] == 'a/000002.jpg'
    assert len(file.detections.label) == 5 and len(file.top.label) == 6
    assert file.of_image(0, 'truth').difficult.tolist() == [False, True]
    assert file.of_image(1).boxes.tolist() == [[5, 5, 24, 14], [40, 40, 60, 60]]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match='detections.npz is not a detection file'):
        DetectionFile.load(path)
    with pytest.raises(FileNotFoundError, match='dump_path'):
        DetectionFile.load(tmp_path / 'none.npz')


def test_order_of_batches_and_padding_do_not_matter():
    one, other = WeakVOCMetric(), WeakVOCMetric()
    assert _run(one, _samples()) == _run(other, _samples()[::-1])


def test_an_image_without_boxes_is_fine():
    sample = _samples()[0]
    sample.gt_instances, sample.ignored_instances = _instances([], []), _instances([], [])
    sample.pred_instances = _instances([], [], [])
    sample.top1_instances = _instances([], [], [])
    result = _run(WeakVOCMetric(), [*_samples(), sample])
    assert result['voc/mAP_area'] == pytest.approx(62.5)
    assert all(np.isnan(value) for value in _run(WeakVOCMetric(), [sample]).values())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match='iou_thr'):
        WeakVOCMetric(iou_thr=1.5)
    with pytest.raises(ValueError, match='.npz'):
        WeakVOCMetric(dump_path='x.pkl')
    sample = DetDataSample(metainfo={'img_path': 'a/x.jpg'})
    with pytest.raises(KeyError, match="a/x.jpg has no 'pred_instances'"):
        WeakVOCMetric().process(None, [sample.to_dict()])


def test_two_branches_of_one_test():
    samples = _samples()
    for sample in samples:
        sample.weak_pred_instances = _instances([[0, 0, 9, 9]], [0], [0.5])
        sample.weak_top1_instances = _instances([[20, 20, 39, 39]], [1], [0.5])
    metrics = [WeakVOCMetric(), WeakVOCMetric(branch='weak')]
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = META
    evaluator.process(samples)
    result = evaluator.evaluate(len(samples))
    assert {name: result[name] for name in result if name.startswith('voc/')} == _run(WeakVOCMetric(), _samples())
    # cat: one of two found, one false; dog: the best box hits the difficult one
    assert metrics[1].details['ap_area'][:2] == pytest.approx([50, 0])
    assert metrics[1].details['corloc'][:2] == [0, 50]
    assert result['weak/CorLoc'] == pytest.approx(25)
    assert set(_run(WeakVOCMetric(branch='weak', prefix='other'), samples)) == {
        'other/mAP_11pt',
        'other/mAP_area',
        'other/CorLoc',
    }
    with pytest.raises(KeyError, match=r"no 'weak_pred_instances': .*test_cfg.branch='both'"):
        _run(WeakVOCMetric(branch='weak'), _samples())


def test_registered():
    assert isinstance(METRICS.build({'type': 'WeakVOCMetric'}), WeakVOCMetric)
    assert isinstance(METRICS.build({'type': 'MultiLabelMetric'}), MultiLabelMetric)


def test_multi_label(tmp_path):
    samples = []
    for number, (scores, labels) in enumerate(
        [([0.9, 0.1, 0], [1, 0, 0]), ([0.8, 0.9, 0], [0, 1, 0]), ([0.7, 0.2, 0], [1, 0, 0])]
    ):
        sample = DetDataSample(metainfo={'img_id': str(number)})
        sample.pred_label = LabelData(score=torch.tensor(scores))
        sample.gt_label = LabelData(score=torch.tensor(labels, dtype=torch.float32))
        samples.append(sample)
    metric = MultiLabelMetric(dump_path=str(tmp_path / 'scores.npz'))
    result = _run(metric, samples)
    assert result['cls/mAP'] == pytest.approx(100 * ((1 + 2 / 3) / 2 + 1) / 2)
    assert np.isnan(metric.details['ap'][2]) and metric.details['num_images'] == [2, 1, 0]
    with np.load(tmp_path / 'scores.npz') as dumped:
        assert dumped['ids'].tolist() == ['0', '1', '2'] and dumped['scores'].shape == (3, 3)
    with pytest.raises(KeyError, match='classifier'):
        metric.process(None, [{'img_id': '7'}])
