"""Metrics of label maps and instance masks, from predictions and from folders."""

import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData, PixelData

from wsod_mm.datasets.cam_file import CamMaps, write_cams
from wsod_mm.evaluation import MaskAPMetric, VOCIoUMetric, evaluate_cam_folder, evaluate_label_folder
from wsod_mm.registry import METRICS
from wsod_mm.utils.label_png import write_label_png

META = {'classes': ('cat', 'dog', 'cow')}
TRUTH = [[[0, 0, 1, 255], [1, 1, 2, 2]], [[0, 0, 0, 0]]]
PRED = [[[0, 1, 1, 1], [1, 1, 2, 0]], [[0, 255, 0, 0]]]
# background: 5 right of 7 in the union (one of cat's, one of dog's); cat 3 of 4; dog 1 of 2; cow is absent
IOU = [5 / 7, 3 / 4, 1 / 2]


def sample(number, **maps):
    out = DetDataSample(metainfo=dict(img_id=str(number), img_path=f'x/{number}.jpg'))
    for key, value in maps.items():
        setattr(out, key, PixelData(sem_seg=torch.tensor(value)[None]))
    return out


def run(metric, samples):
    metric.dataset_meta = META
    evaluator = Evaluator([metric])
    for one in samples:
        evaluator.process([one])
    return evaluator.evaluate(len(samples))


@pytest.fixture
def folders(tmp_path):
    for number in range(2):
        write_label_png(tmp_path / 'gt' / f'{number}.png', np.array(TRUTH[number]))
        write_label_png(tmp_path / 'pred' / f'{number}.png', np.array(PRED[number]))
    return tmp_path / 'pred', tmp_path / 'gt'


def check_iou(details):
    np.testing.assert_allclose(details['iou'], [*(100 * np.array(IOU)), np.nan])
    assert details['mIoU'] == pytest.approx(100 * np.mean(IOU)) and details['num_images'] == 2
    assert details['pixel_accuracy'] == pytest.approx(100 * 9 / 11)
    assert details['classes'] == ['background', 'cat', 'dog', 'cow'] and np.sum(details['confusion']) == 11


def test_iou_by_hand(tmp_path):
    metric = METRICS.build(dict(type='VOCIoUMetric', dump_path=str(tmp_path / 'iou.json')))
    samples = [sample(i, pred_sem_seg=PRED[i], gt_sem_seg=TRUTH[i]) for i in range(2)]
    result = run(metric, samples)
    check_iou(metric.details)
    assert result == {
        'seg/mIoU': pytest.approx(100 * np.mean(IOU)),
        'seg/pixel_accuracy': pytest.approx(100 * 9 / 11),
    }
    dumped = json.loads((tmp_path / 'iou.json').read_text())
    assert dumped['iou'][3] is None and dumped['mIoU'] == pytest.approx(metric.details['mIoU'])
    other = run(VOCIoUMetric(ignore_index=2), [sample(0, pred_sem_seg=[[0, 1, 1]], gt_sem_seg=[[0, 1, 2]])])
    assert other['seg/mIoU'] == 100


def test_iou_of_folders(folders):
    pred, gt = folders
    check_iou(evaluate_label_folder(pred, gt, ['0', '1'], META['classes']))
    metric = VOCIoUMetric(pred_dir=str(pred), gt_dir=str(gt), print_classes=False)
    run(metric, [sample(0), sample(1)])
    check_iou(metric.details)
    metric = VOCIoUMetric(gt_dir=str(gt))
    run(metric, [sample(i, pred_sem_seg=PRED[i]) for i in range(2)])
    check_iou(metric.details)
    with pytest.raises(ValueError, match='list is empty'):
        evaluate_label_folder(pred, gt, [], META['classes'])
    with pytest.raises(FileNotFoundError, match=r'2\.png'):
        evaluate_label_folder(pred, gt, ['2'], META['classes'])
    with pytest.raises(ValueError, match=r'0\.png: labels run from'):
        evaluate_label_folder(pred, gt, ['0'], META['classes'][:1])


def test_cam_sweep_of_folders(folders, tmp_path):
    _, gt = folders
    write_cams(tmp_path / 'cam' / '0.npz', CamMaps(np.array([0, 1]), np.random.RandomState(0).rand(2, 2, 4)))
    write_cams(tmp_path / 'cam' / '1.npz', CamMaps(np.zeros(0, int), np.zeros((0, 1, 4))))
    sweep = evaluate_cam_folder(tmp_path / 'cam', gt, ['0', '1'], META['classes'], [0.2, 1.0])
    assert [r['threshold'] for r in sweep] == [0.2, 1.0] and sweep[0]['mIoU'] != sweep[1]['mIoU']
    np.testing.assert_allclose(sweep[1]['iou'], [100 * 6 / 11, 0, 0, np.nan])  # all is background
    with pytest.raises(ValueError, match=r'0\.npz: labels run'):
        evaluate_cam_folder(tmp_path / 'cam', gt, ['0'], META['classes'][:1], [0.2])


def test_truth_of_more_classes(folders, tmp_path):
    pred, gt = folders
    few = dict(META, classes=('dog',))
    write_label_png(tmp_path / 'few' / '0.png', np.array([[0, 0, 1, 1], [0, 0, 1, 1]]))
    write_cams(tmp_path / 'cam' / '0.npz', CamMaps(np.array([0]), np.float32([[[0, 0, 1, 1], [0, 0, 1, 1]]])))
    # the truth's dog (2) is class 1 here; its cat is background, or does not count
    for other, expected in ((0, [100 * 4 / 5, 100 * 2 / 3]), (255, [100, 100])):
        options = dict(gt_classes=META['classes'], gt_other=other)
        details = evaluate_label_folder(tmp_path / 'few', gt, ['0'], few['classes'], **options)
        np.testing.assert_allclose(details['iou'], expected)
        sweep = evaluate_cam_folder(tmp_path / 'cam', gt, ['0'], few['classes'], [0.5], **options)
        np.testing.assert_allclose(sweep[0]['iou'], expected)
        metric = VOCIoUMetric(pred_dir=str(tmp_path / 'few'), gt_dir=str(gt), **options)
        metric.dataset_meta = few
        metric.process(None, [sample(0).to_dict()])
        metric.compute_metrics(metric.results)
        np.testing.assert_allclose(metric.details['iou'], expected)


def test_iou_of_wrong_samples():
    metric = VOCIoUMetric()
    with pytest.raises(ValueError, match='needs the class names'):
        metric.process(None, [sample(0).to_dict()])
    metric.dataset_meta = META
    with pytest.raises(KeyError, match=r"x/0\.jpg has no 'pred_sem_seg'"):
        metric.process(None, [sample(0, gt_sem_seg=[[0]]).to_dict()])
    with pytest.raises(ValueError, match=r'x/0\.jpg: .*differ in size'):
        metric.process(None, [sample(0, gt_sem_seg=[[0]], pred_sem_seg=[[0, 1]]).to_dict()])
    with pytest.raises(ValueError, match=r'must end in \.json'):
        VOCIoUMetric(dump_path='a.npz')


def masks_sample(pred, labels, scores, truth, truth_labels, wrap=torch.tensor):
    out = DetDataSample(metainfo=dict(img_id='0', img_path='x/0.jpg'))
    out.pred_instances = InstanceData(
        masks=wrap(pred), labels=torch.tensor(labels), scores=torch.tensor(scores, dtype=torch.float32)
    )
    out.gt_instances = InstanceData(masks=wrap(truth), labels=torch.tensor(truth_labels))
    return out


@pytest.mark.parametrize('wrap', [torch.tensor, lambda m: BitmapMasks(np.array(m, np.uint8), 1, 10)])
def test_mask_ap(tmp_path, wrap):
    ten = np.eye(10, dtype=bool)
    pred = np.stack([ten[:6].any(0), ten[:3].any(0), ten[7:].any(0)])[:, None]
    truth = np.stack([ten[:10].any(0), ten[7:].any(0)])[:, None]
    metric = METRICS.build(dict(type='MaskAPMetric', dump_path=str(tmp_path / 'ap.json')))
    one = masks_sample(pred, [0, 0, 1], [0.5, 0.9, 0.7], truth, [0, 1], wrap)
    # cat: a wrong one first (IoU .3), then a right one at .6 only; dog: exactly right
    assert run(metric, [one]) == {'mask/AP50': pytest.approx(75), 'mask/AP70': pytest.approx(50)}
    assert metric.details['AP50_classes'][:2] == [50, 100] and np.isnan(metric.details['AP50_classes'][2])
    assert metric.details['num_predictions'] == [2, 1, 0] and metric.details['num_positive'] == [1, 1, 0]
    assert json.loads((tmp_path / 'ap.json').read_text())['classes'] == ['cat', 'dog', 'cow']
    assert run(MaskAPMetric(iou_thrs=[0.25]), [one]) == {'mask/AP25': pytest.approx(100)}


def test_mask_ap_of_wrong_samples():
    metric = MaskAPMetric()
    with pytest.raises(KeyError, match=r"x/0\.jpg has no masks in 'pred_instances'"):
        metric.process(None, [sample(0).to_dict()])
    one = np.ones((1, 1, 3), bool)
    with pytest.raises(ValueError, match=r'x/0\.jpg: masks must be'):
        metric.process(None, [masks_sample(one, [0], [1.0], one[..., :2], [0]).to_dict()])
    for kwargs in (dict(iou_thrs=()), dict(iou_thrs=[0]), dict(dump_path='a.txt')):
        with pytest.raises(ValueError, match='iou_thrs|must end'):
            MaskAPMetric(**kwargs)
