"""WSOL metrics as MMEngine calls them, folders of score maps, and ranks that share the images."""

import json
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData, LabelData, PixelData
from PIL import Image

from wsod_mm.evaluation import (
    ClsAccuracy,
    LocAccuracy,
    MaxBoxAccMetric,
    PxAPMetric,
    evaluate_scoremap_folder,
    read_scoremap,
    write_scoremap,
)
from wsod_mm.functional.pxap import pxap, pxap_gt_mask, pxap_histograms
from wsod_mm.functional.threshold_sweep import cam_thresholds, sweep_boxes
from wsod_mm.functional.wsol_metrics import box_hits, centre_scoremap, max_box_acc, resize_boxes

CLASSES = ('a', 'b', 'c')
SIZE = (60, 90)  # (H, W) of the images


def one(number, size=(24, 24)):
    """Label, scores, map and boxes of an image."""
    rng = np.random.default_rng(number)
    corners = np.sort(rng.integers(0, SIZE[::-1], (2, 2, 2)), axis=1).reshape(2, 4)
    label = number % 3
    scoremap = np.zeros(size)
    x1, y1, x2, y2 = resize_boxes(corners[:1], SIZE[::-1], size[::-1])[0]
    scoremap[y1 : y2 + 1, x1 : x2 + 1] = 1  # as the first object is, with noise
    scoremap = (scoremap + rng.random(size)) / 2
    scores = np.full(3, 0.2)
    scores[label if number % 4 else (label + 1) % 3] = 0.6
    return label, scores, scoremap, corners


def sample(number, **changes):
    label, scores, scoremap, boxes = one(number)
    out = DetDataSample(metainfo=dict(img_id=f'v/{number}.jpg', img_path=f'{number}.jpg', ori_shape=SIZE, **changes))
    out.gt_label = LabelData(score=torch.eye(3)[label])
    out.pred_label = LabelData(score=torch.tensor(scores))
    out.pred_cam = PixelData(cam=torch.from_numpy(scoremap)[None], metainfo=dict(labels=(label,)))
    out.gt_instances = InstanceData(bboxes=torch.tensor(boxes).float(), labels=torch.full((len(boxes),), label))
    return out


def run(metric, samples):
    metric.dataset_meta = dict(classes=CLASSES)
    evaluator = Evaluator([metric])
    for start in range(0, len(samples), 2):
        evaluator.process(samples[start : start + 2])
    return evaluator.evaluate(len(samples))


@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize('label', ['gt', 'pred'])
def test_max_box_acc(version, label, tmp_path):
    thresholds, numbers = cam_thresholds(0.02), range(9)
    expected, centre = 0, 0
    for number in numbers:
        gt, scores, scoremap, boxes = one(number)
        boxes = resize_boxes(boxes, SIZE[::-1], (24, 24))
        counts = label == 'gt' or scores.argmax() == gt
        for name, each in (('model', scoremap), ('centre', centre_scoremap(24, 24))):
            hits = box_hits(sweep_boxes(each, thresholds), boxes)[version - 1] * counts
            expected, centre = (expected + hits, centre) if name == 'model' else (expected, centre + hits)
    metric = MaxBoxAccMetric(version, cam_interval=0.02, label=label, dump_path=str(tmp_path / 'a.json'))
    result = run(metric, [sample(n) for n in numbers])
    name = 'wsol/MaxBoxAcc' if version == 1 else 'wsol/MaxBoxAccV2'
    truth = max_box_acc(expected, 9, thresholds, version=version)
    assert result[name] == truth['score'] > 0
    assert result['wsol/centre_' + name[5:]] == max_box_acc(centre, 9, thresholds, version=version)['score']
    assert [result[f'wsol/BoxAcc{k}'] for k in (30, 50, 70)] == truth['acc'].tolist()
    assert [result[f'wsol/threshold{k}'] for k in (30, 50, 70)] == truth['threshold'].tolist()
    assert json.loads((tmp_path / 'a.json').read_text())['model']['curve'] == truth['curve'].tolist()
    fixed = run(
        MaxBoxAccMetric(version, cam_interval=0.05, fixed=0.2, label=label, baseline=False),
        [sample(n) for n in numbers],
    )
    assert fixed['wsol/threshold50'] == 0.2 and 'wsol/centre_' + name[5:] not in fixed


def test_every_class_of_an_image_is_an_item():
    first, second = sample(0), sample(1)
    first.gt_label.score = torch.tensor([1.0, 1.0, 0.0])
    maps = torch.cat([second.pred_cam.cam, first.pred_cam.cam])
    first.pred_cam = PixelData(cam=maps, metainfo=dict(labels=(1, 0)))
    first.gt_instances = InstanceData.cat([first.gt_instances, second.gt_instances])
    together, apart = MaxBoxAccMetric(cam_interval=0.1), MaxBoxAccMetric(cam_interval=0.1)
    run(together, [first])
    run(apart, [sample(0), sample(1)])
    assert together.details == apart.details and together.details['items'] == 2


def test_top_k_localisation():
    numbers, thresholds = range(12), cam_thresholds(0.05)
    hits = np.zeros((3, len(thresholds)))
    for number in numbers:
        label, scores, scoremap, boxes = one(number)
        single = box_hits(sweep_boxes(scoremap, thresholds), resize_boxes(boxes, SIZE[::-1], (24, 24)), (0.6,))[0][0]
        hits += np.array([1, scores.argmax() == label, 1])[:, None] * single
    result = run(LocAccuracy((1, 5), iou_thr=0.6, cam_interval=0.05), [sample(n) for n in numbers])
    known, top1, top5 = (100 * row.max() / 12 for row in hits)
    assert (result['loc/gt_known_loc'], result['loc/top1_loc'], result['loc/top5_loc']) == (known, top1, top5)
    assert 0 < top1 < known == top5
    _, _, scoremap, boxes = one(5)
    sweep, boxes = sweep_boxes(scoremap, thresholds), resize_boxes(boxes, SIZE[::-1], (24, 24))
    tables = [
        LocAccuracy(iou_thr=0.6, contours=contours, cam_interval=0.05).count(sample(5).to_dict())['hits'][0]
        for contours in ('largest', 'all')
    ]
    np.testing.assert_array_equal(tables, [hits[0] for hits in box_hits(sweep, boxes, (0.6,))])
    assert (tables[0] != tables[1]).any()


def test_accuracy():
    result = run(ClsAccuracy((1, 2, 5)), [sample(n) for n in range(8)])
    assert result == {'accuracy/top1': 75, 'accuracy/top2': pytest.approx(87.5), 'accuracy/top5': 100}


def write_masks(folder, number):
    """Masks of the objects and one of what does not count; paths."""
    paths = []
    for k, (x1, y1, x2, y2) in enumerate([*one(number)[3], (0, 0, 20, 20)]):
        mask = np.zeros(SIZE, np.uint8)
        mask[y1 : y2 + 1, x1 : x2 + 1] = 255
        paths.append(f'{number}_{k}.png')
        Image.fromarray(mask).save(folder / paths[-1])
    return paths


@pytest.mark.parametrize('label', ['gt', 'pred'])
def test_pxap(label, tmp_path):
    samples, expected, centre = [], 0, 0
    for number in range(5):
        *masks, ignore = (str(tmp_path / name) for name in write_masks(tmp_path, number))
        samples.append(sample(number, mask_paths=masks, ignore_path=ignore))
        truth = pxap_gt_mask([np.array(Image.open(p)) for p in masks], np.array(Image.open(ignore)), (24, 24))
        gt, scores, scoremap, _ = one(number)
        scoremap = scoremap * (label == 'gt' or scores.argmax() == gt)
        expected = expected + np.stack(pxap_histograms(scoremap, truth, 0.01))
        centre = centre + np.stack(pxap_histograms(centre_scoremap(24, 24), truth, 0.01))
    metric = PxAPMetric(0.01, label, dump_path=str(tmp_path / 'a.json'))
    result = run(metric, samples)
    assert result == {'wsol/PxAP': pxap(*expected).score, 'wsol/centre_PxAP': pxap(*centre).score}
    assert json.loads((tmp_path / 'a.json').read_text())['items'] == 5
    assert list(run(PxAPMetric(0.01, label, baseline=False), samples)) == ['wsol/PxAP']
    with pytest.raises(KeyError, match='label_dir'):
        run(PxAPMetric(), [sample(0)])
    with pytest.raises(FileNotFoundError, match='mask_root'):
        run(PxAPMetric(), [sample(0, mask_paths=[str(tmp_path / 'absent.png')])])


def test_pxap_from_label_maps(tmp_path):
    (tmp_path / 'labels/v').mkdir(parents=True)
    labels = np.zeros(SIZE, np.uint8)
    labels[10:40, 20:60], labels[:5] = 2, 255
    path = tmp_path / 'labels/v/1.jpg.png'  # img_id is the whole id
    Image.fromarray(labels).save(path)
    result = run(PxAPMetric(0.1, label_dir=str(tmp_path / 'labels')), [sample(1), sample(2)])
    truth = pxap_gt_mask([labels == 2], labels == 255, (24, 24))
    assert result['wsol/PxAP'] == pxap(*pxap_histograms(one(1)[2], truth, 0.1)).score
    labels[labels == 2] = 7
    Image.fromarray(labels).save(path)
    names = PxAPMetric(0.1, label_dir=str(tmp_path / 'labels'), label_classes=[*'cdefgh', 'b'])
    assert run(names, [sample(1)]) == result
    with pytest.raises(ValueError, match='label_classes'):
        run(PxAPMetric(label_dir=str(tmp_path / 'labels'), label_classes=['c']), [sample(1)])
    with pytest.raises(ValueError, match='has a mask'):
        run(PxAPMetric(label_dir=str(tmp_path / 'labels')), [sample(2)])
    with pytest.raises(FileNotFoundError, match='label_dir'):
        run(PxAPMetric(label_dir=str(tmp_path / 'absent')), [sample(2)])


METRICS = [
    lambda: MaxBoxAccMetric(cam_interval=0.1),
    lambda: LocAccuracy(cam_interval=0.1),
    lambda: ClsAccuracy(),
]


@pytest.mark.parametrize('build', METRICS)
def test_two_ranks_equal_one(build):
    samples = [sample(n).to_dict() for n in range(7)]
    whole = build()
    whole.process(None, samples)
    expected = whole.evaluate(7)
    parts = []
    for numbers in ([0, 2, 4, 6], [1, 3, 5, 0]):  # the sampler fills the second up with the first image again
        rank = build()
        for number in numbers:
            rank.process(None, [samples[number]])
        assert len(rank.results) == 1
        parts += pickle.loads(pickle.dumps(rank.results))
    merged = build()
    together = merged.compute_metrics(parts)
    assert {f'{whole.prefix}/{key}': value for key, value in together.items()} == expected
    assert getattr(merged, 'details', None) == getattr(whole, 'details', None)
    # more ranks than images: one saw nothing, two the same
    alone = build()
    alone.process(None, samples[:1])
    (part,) = alone.results
    again = alone.compute_metrics([part, pickle.loads(pickle.dumps(part)), dict(sum={}, ids=[], last=None)])
    assert again == {key.split('/')[1]: value for key, value in alone.evaluate(1).items()}
    with pytest.raises(ValueError, match='no image'):
        build().evaluate(0)


def test_what_a_rank_sends_does_not_grow_with_the_images():
    metric = MaxBoxAccMetric(cam_interval=0.01)
    sizes = []
    for number in range(6):
        metric.process(None, [sample(number).to_dict()])
        sizes.append(len(pickle.dumps(metric.results)))
    assert sizes[-1] - sizes[1] < 200  # the ids


def test_errors():
    for arguments, match in (
        (dict(version=3), 'version'),
        (dict(version=1, iou_thrs=(0.3,)), '0.5'),
        (dict(iou_thrs=()), 'iou_thrs'),
        (dict(label='best'), 'label'),
        (dict(cam_interval=0), 'interval'),
        (dict(fixed=0.2005), 'fixed'),
        (dict(dump_path='a.txt'), 'json'),
    ):
        with pytest.raises(ValueError, match=match):
            MaxBoxAccMetric(**arguments)
    for build, match in (
        (lambda: PxAPMetric(label='x'), 'label'),
        (lambda: PxAPMetric(dump_path='x'), 'json'),
        (lambda: LocAccuracy(contours='x'), 'contours'),
        (lambda: LocAccuracy(topk=(0,)), 'topk'),
        (lambda: ClsAccuracy(topk=()), 'topk'),
    ):
        with pytest.raises(ValueError, match=match):
            build()
    metric = MaxBoxAccMetric(cam_interval=0.1)
    for key, error, match in (
        ('pred_cam', KeyError, 'CAMLocalizer'),
        ('gt_label', KeyError, 'gt_label'),
        ('gt_instances', KeyError, 'test_mode'),
    ):
        broken = sample(0)
        delattr(broken, key)
        with pytest.raises(error, match=match):
            metric.process(None, [broken.to_dict()])
    with pytest.raises(KeyError, match='pred_label'):
        broken = sample(0)
        del broken.pred_label
        ClsAccuracy().process(None, [broken.to_dict()])
    broken = sample(0)
    broken.pred_cam.set_metainfo(dict(labels=(2,)))
    with pytest.raises(KeyError, match="cam_class='gt'"):
        metric.process(None, [broken.to_dict()])
    broken = sample(0)
    broken.pred_cam.cam[0, 0, 0] = float('nan')
    with pytest.raises(ValueError, match='0.jpg, class 0: 1 of 576 values are NaN'):
        metric.process(None, [broken.to_dict()])
    broken = sample(0)
    broken.gt_instances = broken.gt_instances[:0]
    with pytest.raises(ValueError, match='no box'):
        metric.process(None, [broken.to_dict()])


def write_split(folder, numbers, masks=False):
    """A split of wsolevaluation."""
    folder.mkdir(parents=True)
    rows = {'image_ids': [], 'class_labels': [], 'image_sizes': [], 'localization': []}
    for number in numbers:
        name, (label, _, _, boxes) = f'v/{number}.jpg', one(number)
        rows['image_ids'].append(name)
        rows['class_labels'].append(f'{name},{label}')
        rows['image_sizes'].append(f'{name},{SIZE[1]},{SIZE[0]}')
        if masks:
            *objects, ignore = write_masks(folder, number)
            rows['localization'] += [f'{name},{m},{ignore if not k else ""}' for k, m in enumerate(objects)]
        else:
            rows['localization'] += [f'{name},{",".join(map(str, box))}' for box in boxes]
    if masks:
        del rows['image_sizes']
    for name, lines in rows.items():
        (folder / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return folder


@pytest.mark.parametrize('masks', [False, True])
def test_folder_of_score_maps_gives_the_numbers_of_the_model(masks, tmp_path, capsys):
    split = write_split(tmp_path / 'meta', range(5), masks)
    maps = tmp_path / 'maps'
    if masks:
        names = [[str(split / f'{n}_{k}.png') for k in range(3)] for n in range(5)]
        samples = [sample(n, mask_paths=p[:2], ignore_path=p[2]) for n, p in enumerate(names)]
        result = run(PxAPMetric(0.01), samples)
        for number in range(5):
            write_scoremap(maps, f'v/{number}.jpg', one(number)[2])
        key = 'PxAP'
    else:
        result = run(MaxBoxAccMetric(cam_interval=0.01, scoremap_dir=str(maps)), [sample(n) for n in range(5)])
        key = 'MaxBoxAccV2'
    assert (maps / 'v/3.jpg.npy').is_file()  # where upstream looks for it
    np.testing.assert_array_equal(read_scoremap(maps, 'v/3.jpg'), one(3)[2])
    again = evaluate_scoremap_folder(maps, split, mask_root=split)
    assert {k: v for k, v in again.items() if k != 'details'} == result
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'eval_scoremaps.py'))['main']
    out = tmp_path / 'out.json'
    assert main([str(maps), str(split), '--mask-root', str(split), '--out', str(out)]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index('{\n') :]) == result
    assert json.loads(out.read_text())[f'wsol/{key}'] == result[f'wsol/{key}']
    centre = evaluate_scoremap_folder(None, split, mask_root=split, size=(24, 24))
    assert centre[f'wsol/{key}'] == centre[f'wsol/centre_{key}'] == pytest.approx(result[f'wsol/centre_{key}'])
    (maps / 'v/3.jpg.npy').unlink()
    assert main([str(maps), str(split), '--mask-root', str(split)]) == 1
    assert '3.jpg.npy' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(split)])


def test_files_of_score_maps(tmp_path):
    for array, match in (
        (np.ones((3, 3), np.int64), 'float'),
        (np.ones((3, 3), np.uint8), 'float'),
        (np.full((3, 3), 1.5), 'values reach'),
        (np.full((3, 3), np.nan), 'NaN'),
        (np.zeros(3), r'\[H, W\]'),
    ):
        np.save(tmp_path / 'a.npy', array)
        with pytest.raises(ValueError, match=f'a.npy: .*{match}'):
            read_scoremap(tmp_path, 'a')
    (tmp_path / 'a.npy').write_text('no')
    with pytest.raises(ValueError, match='a.npy'):
        read_scoremap(tmp_path, 'a')
    for name in ('', '../a', '/a'):
        with pytest.raises(ValueError, match='image id'):
            write_scoremap(tmp_path, name, np.zeros((2, 2)))
    several = sample(0)
    several.gt_label.score = torch.ones(3)
    several.pred_cam = PixelData(cam=torch.rand(3, 4, 4), metainfo=dict(labels=(0, 1, 2)))
    with pytest.raises(ValueError, match='3 classes'):
        run(MaxBoxAccMetric(scoremap_dir=str(tmp_path)), [several])
    with pytest.raises(FileNotFoundError, match='of score maps'):
        evaluate_scoremap_folder(tmp_path / 'absent', write_split(tmp_path / 'meta', range(2)))
