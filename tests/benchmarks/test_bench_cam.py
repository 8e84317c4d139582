"""The benchmark of the sweep of thresholds: both sides agree exactly, and few searches do for many thresholds."""

import json
import sys

import bench_cam
import numpy as np
import pytest

from wsod_mm.ops.scoremap_benchmark import benchmark_sweep, blob_scoremaps


def test_sweep_is_exact_and_needs_few_searches():
    result = benchmark_sweep(blob_scoremaps(2, cells=7, size=(64, 48)), 0.001)
    assert result['exact'] is True
    assert result['thresholds'] == 1000 and result['searches'] <= 256
    assert result['each / sweep'] == pytest.approx(result['each ms'] / result['sweep ms'])


def test_command_line(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'numbers.json'
    np.save(tmp_path / 'a.npy', blob_scoremaps(1, 5, (20, 30))[0])
    command = f'x --scoremaps {tmp_path} --intervals .05 --repeat 1 --json {out}'
    monkeypatch.setattr(sys, 'argv', command.split())
    bench_cam.main()
    assert '1 score maps, thresholds every 0.05' in capsys.readouterr().out
    assert json.loads(out.read_text())['0.05']['exact'] is True
    (tmp_path / 'a.npy').unlink()
    with pytest.raises(SystemExit, match='no .npy'):
        bench_cam.main()


def test_a_difference_fails(monkeypatch):
    monkeypatch.setattr(sys, 'argv', 'x --maps 1 --cells 3 --size 16 --intervals .2 --repeat 1'.split())
    other = np.zeros((5, 4), np.int64), [np.zeros((1, 4), np.int64)] * 5
    monkeypatch.setattr('wsod_mm.ops.scoremap_benchmark.sweep_each_threshold', lambda *args: other)
    with pytest.raises(SystemExit, match='other boxes'):
        bench_cam.main()
