"""The benchmark of walks and CRFs: both sides agree, and what was not measured is not reported."""

import json
import sys

import bench_affinity
import numpy as np
import pytest

from wsod_mm.ops.affinity_benchmark import benchmark_crf, benchmark_walk, smooth_scene


@pytest.mark.parametrize('method', ['sparse', 'stencil'])
def test_walk_agrees_with_squaring(method):
    result = benchmark_walk(11, 13, planes=2, log_steps=6, method=method, repeat=1)
    assert result['max difference'] < 1e-4 and result['argmax differs %'] < 1
    assert result['walk ms'] > 0 and result['dense / walk MiB'] == result['dense MiB'] / result['walk MiB']


def test_part_of_the_squarings_is_multiplied_and_not_compared():
    result = benchmark_walk(8, 9, planes=2, squarings=1, repeat=1)
    assert result['squarings measured'] == 1 and result['dense ms'] > 0 and 'max difference' not in result
    assert 'dense ms' not in benchmark_walk(8, 9, planes=2, squarings=0, repeat=1)


def test_crf_compares_all_backends():
    image, probabilities = smooth_scene(24, 30, 3)
    result = benchmark_crf(image, probabilities, ['grid', 'exact', 'none'])
    assert result['grid']['differs from exact %'] == result['exact']['differs from grid %'] <= 2.5
    assert result['none']['moved %'] == 0 < result['exact']['moved %'] == result['none']['differs from exact %']


def test_command_line(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'numbers.json'
    command = 'x --grids 6x7 --planes 2 --crf 20x30 --small-pixels 200 --repeat 1 --squarings 2 --json'
    monkeypatch.setattr(sys, 'argv', [*command.split(), str(out)])
    bench_affinity.main()
    printed = capsys.readouterr().out
    assert 'from 2 of 8 squarings' in printed and 'dense CRF, 11 x 17 pixels' in printed
    numbers = json.loads(out.read_text())
    assert set(numbers) == {'walk', 'crf'} and set(numbers['crf']) == {'20 x 30', '11 x 17'}
    assert np.isfinite(numbers['walk']['6x7']['dense / walk ms'])
