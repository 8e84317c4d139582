"""The benchmark of active learning: its literal versions find the same."""

import json
import sys

import bench_active
import miaod_network
import pytest


@pytest.mark.parametrize(
    ('measure', 'small'),
    [
        ('measure_scoring', dict(height=96, width=64, classes=3, k=200, repeat=1)),
        ('measure_scoring', dict(height=64, width=64, classes=1, k=10**6, repeat=1)),
        ('measure_core_set', dict(candidates=40, labeled=5, size=12, width=4, repeat=1)),
        ('measure_pool', dict(n=500, repeat=1)),
        ('measure_pool', dict(n=50, labeled=45, size=5, repeat=1)),
    ],
)
def test_both_sides_find_the_same(measure, small):
    sides = getattr(bench_active, measure)(**small)
    for name, value in sides['ours'].items():
        assert value > 0
        if name.startswith(('uncertainty', 'checksum')):
            assert value == pytest.approx(sides['literal'][name], rel=1e-5)


def test_anchors_of_the_default_size():
    f1, _ = bench_active.random_logits(608, 800, 1)
    assert sum(level.shape[1] for level in f1) == 91260


def test_network_is_measured_beside_the_plain_loss(monkeypatch):
    full_size = miaod_network.model_config

    def narrow(depth):
        model = full_size(depth)
        model.backbone.base_channels = 4
        model.neck.update(in_channels=[4, 8, 16, 32], out_channels=8)
        model.bbox_head.update(in_channels=8, feat_channels=8, stacked_convs=1)
        return model

    monkeypatch.setattr(miaod_network, 'model_config', narrow)
    rows = bench_active.measure_pair(height=64, width=64, batch=1, depth=18, repeat=1)
    assert rows['two plain steps']['ratio'] == 1
    assert rows['two of RetinaNet']['GFLOP'] < rows['min']['GFLOP'] < rows['min, all trained']['GFLOP']
    # the same network, forward and backward: the losses themselves multiply nothing large
    assert rows['min, all trained']['GFLOP'] == pytest.approx(rows['two plain steps']['GFLOP'], rel=0.01)
    assert rows['max, all trained']['GFLOP'] == pytest.approx(rows['two plain steps']['GFLOP'], rel=0.01)
    rows = bench_active.measure_score_pass(height=64, width=64, depth=18, repeat=1)
    assert rows['scoring']['GFLOP'] < rows['all towers']['GFLOP']


def test_command_line(monkeypatch, tmp_path, capsys):
    out = tmp_path / 'numbers.json'
    monkeypatch.setattr(bench_active, 'measure_scoring', lambda **kwargs: _sides(1.0, 4.0))
    monkeypatch.setattr(bench_active, 'measure_core_set', lambda *args: _sides(1.0, 8.0))
    for name in ('measure_pair', 'measure_score_pass', 'measure_split'):
        monkeypatch.setattr(bench_active, name, lambda **kwargs: {'a row': {'ratio': 0.75}})
    monkeypatch.setattr(sys, 'argv', ['bench_active.py', '--images', '300', '--json', str(out)])
    bench_active.main()
    printed = capsys.readouterr().out
    assert '0.25' in printed and '0.75' in printed
    assert set(json.loads(out.read_text())) == {'scoring', 'core-set', 'pool', 'pair', 'score pass', 'processes'}


def _sides(ours, literal):
    return {'ours': {'ms': ours}, 'literal': {'ms': literal}}
