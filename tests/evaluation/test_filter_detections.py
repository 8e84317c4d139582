"""Saved detections: other thresholds, the command line, pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from wsod_mm import cli
from wsod_mm.apis.eval_detections import main
from wsod_mm.evaluation import DetectionFile
from wsod_mm.evaluation.filter_detections import filter_detections
from wsod_mm.functional.detection_metrics import BoxTable, paired_iou


def saved(images=3, each=12, seed=0, paths=('a.jpg',) * 3):
    rng = np.random.RandomState(seed)
    count = images * each
    corners = rng.rand(count, 2) * 20
    boxes = np.concatenate([corners, corners + 10 + rng.rand(count, 2) * 20], axis=1).astype(np.float32)
    scores = rng.rand(count).astype(np.float32).round(1)  # with ties
    table = BoxTable(np.repeat(np.arange(images), each), rng.randint(0, 2, count), boxes, scores)
    truth = BoxTable(np.arange(images), np.arange(images) % 2, boxes[::each], difficult=np.array([False, False, True]))
    names = tuple(f'{number:06}' for number in range(images))
    best = np.unique(np.stack([table.image, table.label]), axis=1, return_index=True)[1]
    top = BoxTable(table.image[best], table.label[best], boxes[best], scores[best])
    return DetectionFile(('cat', 'dog'), names, tuple(paths), table, top, truth)


def nms_by_hand(table, threshold):
    kept = []
    for image in np.unique(table.image):
        for label in np.unique(table.label):
            rows = np.flatnonzero((table.image == image) & (table.label == label))
            rows = rows[np.argsort(-table.scores[rows], kind='stable')]
            while len(rows):
                kept.append(rows[0])
                overlaps = paired_iou(np.repeat(table.boxes[rows[:1]], len(rows), 0), table.boxes[rows])
                rows = rows[1:][overlaps[1:] <= threshold]
    return np.sort(kept)


def test_nms_threshold_and_limit():
    file = saved()
    table = file.detections
    for threshold in (0.1, 0.3, 0.6):
        rows, found = nms_by_hand(table, threshold), filter_detections(file, nms_iou=threshold)
        assert len(rows) < len(table.label) and np.array_equal(found.detections.boxes, table.boxes[rows])
        assert np.array_equal(found.detections.image, table.image[rows]) and found.top is file.top
    good = table.scores > 0.5
    assert np.array_equal(filter_detections(file, score_thr=0.5).detections.scores, table.scores[good])
    best = filter_detections(file, max_per_img=4).detections
    for image in range(3):
        scores = table.scores[table.image == image]
        kept = best.scores[best.image == image]
        assert len(kept) >= 4 and kept.min() == np.sort(scores)[-4] and (scores >= kept.min()).sum() == len(kept)
    assert np.array_equal(filter_detections(file, max_per_img=100).detections.scores, table.scores)
    together = filter_detections(file, 0.2, 0.3, 3)
    step = filter_detections(filter_detections(filter_detections(file, score_thr=0.2), nms_iou=0.3), max_per_img=3)
    assert np.array_equal(together.detections.boxes, step.detections.boxes)
    assert len(filter_detections(file, score_thr=2, nms_iou=0.3, max_per_img=3).detections.label) == 0
    for options in (dict(nms_iou=1.5), dict(max_per_img=0)):
        with pytest.raises(ValueError, match='must be'):
            filter_detections(file, **options)


def test_command_line(tmp_path, capsys):
    pictures = [tmp_path / f'{number}.jpg' for number in range(3)]
    for path in pictures:
        Image.new('RGB', (60, 50), 'grey').save(path)
    saved(paths=tuple(map(str, pictures))).save(tmp_path / 'found.npz')
    name, out, left = str(tmp_path / 'found.npz'), tmp_path / 'numbers.json', tmp_path / 'left.npz'
    assert 'eval-detections' in cli.commands()
    assert main([name, '--out', str(out)]) == 0
    text, plain = capsys.readouterr().out, json.loads(out.read_text())
    assert 'CorLoc' in text and 'AP 11pt' in text and plain['iou_thr'] == 0.5 and plain['strict']
    assert main([name, '--metric', 'CorLoc', '--nms', '.1', '--or-equal', '--out', str(out), '--save', str(left)]) == 0
    text, numbers = capsys.readouterr().out, json.loads(out.read_text())
    assert 'AP 11pt' not in text and numbers['CorLoc'] == plain['CorLoc'] and not numbers['strict']
    assert sum(numbers['num_detections']) < sum(plain['num_detections'])
    assert len(DetectionFile.load(left).detections.label) == sum(numbers['num_detections'])
    assert main([name, '--round-like-devkit', '--iou-thr', '.9', '--out', str(out)]) == 0
    assert json.loads(out.read_text())['devkit_rounding']
    # pictures
    shown = tmp_path / 'shown'
    assert main([name, '--show-dir', str(shown), '--show-thr', '.9', '--images', '2']) == 0
    assert sorted(p.name for p in shown.iterdir()) == ['000000.jpg', '000001.jpg']
    many, few = tmp_path / 'many', tmp_path / 'few'
    assert main([name, '--show-dir', str(many), '--show-thr', '0']) == 0 and len(list(many.iterdir())) == 3
    assert main([name, '--show-dir', str(few), '--show-thr', '2']) == 0
    assert main([name, '--show-dir', str(tmp_path / 'ranked')]) == 0
    sizes = [np.asarray(Image.open(folder / '000000.jpg')) for folder in (many, few, tmp_path / 'ranked')]
    assert sizes[0].shape == sizes[1].shape and not np.array_equal(sizes[0], sizes[1])
    assert not np.array_equal(sizes[0], sizes[2])
    pictures[0].unlink()
    capsys.readouterr()
    assert main([name, '--show-dir', str(shown)]) == 1 and '0.jpg' in capsys.readouterr().err
    assert main([str(tmp_path / 'none.npz')]) == 1 and 'none.npz' in capsys.readouterr().err
