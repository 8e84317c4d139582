"""The report of a made-up run: valid, self-contained, and it says what the summary says."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from wsod_mm.evaluation import DetectionFile
from wsod_mm.functional.detection_metrics import BoxTable
from wsod_mm.visualization.charts import Curve, line_chart, nice_ticks
from wsod_mm.visualization.gallery import choose_images
from wsod_mm.visualization.report import duration, write_report

from .page_reader import PageReader

CLASSES = ('cat', 'dog', 'a <b> & "c"')


def _run_file(folder, seed, n=6):
    rng = np.random.default_rng(seed)
    paths = []
    for i in range(n):
        path = folder / f'{i:06d}.jpg'
        Image.fromarray(np.full((90, 120, 3), 40 + 20 * i, np.uint8)).save(path)
        paths.append(str(path))
    truth = BoxTable(
        np.arange(n), np.arange(n) % 3, np.tile([10, 10, 59, 59], (n, 1)).astype(float), difficult=np.arange(n) == 2
    )
    found = truth.boxes + rng.integers(0, 40, (n, 1))
    scores = rng.random(n) * 1e-3
    return DetectionFile(
        CLASSES,
        tuple(f'{i:06d}' for i in range(n)),
        tuple(paths),
        BoxTable(truth.image, truth.label, found, scores),
        BoxTable(truth.image, truth.label, found, scores),
        truth,
    )


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / 'images').mkdir()
    for name, seed in (('wsddn', 0), ('oicr', 1)):
        _run_file(tmp_path / 'images', seed).save(tmp_path / name / 'detections.npz')
    methods = [
        {
            'name': 'Random proposals',
            'kind': 'chance',
            'mAP_11pt': 3.21,
            'mAP_area': 2.5,
            'CorLoc': 12.5,
            'mAP_11pt_std': 0.4,
            'ap_11pt': [3.2, 3.2, None],
            'corloc': [12.5, 12.5, None],
        },
        {
            'name': 'OICR',
            'kind': 'detector',
            'mAP_11pt': 41.07,
            'mAP_area': 40.0,
            'CorLoc': 55.5,
            'seconds': 95,
            'ap_11pt': [41.0, 41.1, None],
            'corloc': [50.0, 61.0, None],
            'note': 'refinement',
        },
    ]
    summary = {
        'title': 'A <i>title</i>',
        'lead': 'lead',
        'classes': CLASSES,
        'methods': methods,
        'facts': {'images': 6},
        'classifier': {'mAP': 88.8, 'seconds': 150},
        'charts': [
            {'title': 'Loss', 'curves': [{'name': 'oicr', 'x': [1, 2, 3], 'y': [2.0, None, 1.0]}]},
            {'title': 'Nothing', 'curves': [{'name': 'x', 'x': [], 'y': []}]},
        ],
        'proposals': {'per_image': 110, 'recall': [{'iou': 0.5, 'at': [1, 10, 100], 'recall': [0.1, 0.5, 0.93]}]},
        'part_whole': {'OICR': {'hit': 55.5, 'covered': 60.0, 'inside': 90.0, 'on_head': 20.0}},
        'detections': {'WSDDN': 'wsddn/detections.npz', 'OICR': 'oicr/detections.npz'},
        'stages': [{'name': 'oicr', 'seconds': 95.2}],
        'command': 'make demo',
    }
    (tmp_path / 'summary.json').write_text(json.dumps(summary))
    return tmp_path


def test_report_is_valid_and_self_contained(run_dir):
    path = write_report(run_dir, images=4)
    assert path == run_dir / 'report.html'
    html = path.read_text()
    page = PageReader(html)
    assert all(link.startswith(('data:image/jpeg;base64,', '#')) for link in page.links)
    assert 'name="viewport"' in html and 'prefers-color-scheme:dark' in html


def test_report_says_what_the_summary_says(run_dir):
    html = write_report(run_dir, run_dir / 'other.html', images=4).read_text()
    page = PageReader(html)
    text = ' '.join(page.text)
    for wanted in (
        'A <i>title</i>',
        'Random proposals',
        '41.1',
        '± 0.4',
        '95 s',
        '88.8 %',
        'a <b> & "c"',
        'refinement',
        'Part or whole',
        'make demo',
        'difficult',
    ):
        assert wanted in text, wanted
    assert html.count('<image ') == 4 and html.count('<use ') == 8
    assert text.count('✓') and text.count('✗')
    assert '<i>title' not in html and 'Nothing' not in text


def test_missing_parts_are_left_out(tmp_path):
    (tmp_path / 'summary.json').write_text(json.dumps({'classes': ['x'], 'methods': []}))
    html = write_report(tmp_path).read_text()
    assert 'id="gallery"' not in html and 'id="methods"' in html


def test_bad_runs_are_named(run_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match='summary.json'):
        write_report(tmp_path / 'none')
    next((run_dir / 'images').glob('*.jpg')).unlink()
    with pytest.raises(FileNotFoundError, match='picture'):
        write_report(run_dir, images=6)
    (run_dir / 'summary.json').write_text('{"half')
    with pytest.raises(ValueError, match='not JSON'):
        write_report(run_dir)


def test_gallery_goes_from_best_to_worst(tmp_path):
    run = _run_file(tmp_path, 5)
    rows = choose_images({'x': run}, 3)
    shift = run.top.boxes[:, 0] - 10
    assert len(rows) == 3 and shift[rows[0]] == shift.min() and shift[rows[-1]] == shift.max()
    assert len(choose_images({'x': run}, 99)) == 6


def test_ticks_and_charts():
    assert nice_ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(3, 3)[0] <= 3 < nice_ticks(3, 3)[-1]
    assert nice_ticks(1, 2, whole=True) == [1, 2]
    assert nice_ticks(0.013, 4.87) == [0, 1, 2, 3, 4, 5]
    chart = line_chart([Curve('a', [1, 10, 100], [0, 50, 100])], 't', 'k', '%', (0, 100), log_x=True)
    xs = [float(x) for x in re.findall(r'cx="([\d.]+)"', chart)]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert line_chart([Curve('a', [], [])], 't', 'x', 'y') == ''
    flat = line_chart([Curve('a', [1, 2], [5, 5]), Curve('b', [1], [5])], 't', 'x', 'y')
    assert 'nan' not in flat and 'inf' not in flat


def test_duration():
    assert [duration(s) for s in (None, 59.6, 200, 3900)] == ['–', '60 s', '3 min 20 s', '1 h 05 min']
