"""The benchmark of a CASD step: its literal version computes the same, and ours costs what was promised."""

import json
import sys

import bench_mil
import casd_case
import pytest
import torch
from casd_case import FULL, RINGS, Case, build_head, literal_losses, our_losses, static_seeds

from wsod_mm.functional.inverted_attention import draw_erasure
from wsod_mm.models.attention import inverted_attention

SMALL = Case(proposals=60, channels=6, width=24, classes=5, dropout=0.0)


def _inject(head, draws, monkeypatch):
    """Give our step the random numbers of the literal one; returns the masks it will have made."""
    branch_features, sample, attend = head._branch_features, head.loss_refine.sample, head.inverted_attention.forward
    noise, masks, current = iter(draws.sampling), [], {}

    def remember(branch, pooled, features, k):
        current['noise'] = draws.erasing[k][branch.rows]
        return branch_features(branch, pooled, features, k)

    def keep(*args):
        masks.append(attend(*args))
        return masks[-1]

    head._branch_features = remember
    head.inverted_attention.forward = keep
    head.loss_refine.sample = lambda assignment, views: sample(assignment, views, noise=next(noise))
    monkeypatch.setattr(inverted_attention, 'draw_erasure', lambda c, n: draw_erasure(c, n, current['noise']))
    return masks


@pytest.mark.parametrize('seed', [0, 1])
def test_literal_step_is_the_same_function(seed, monkeypatch):
    torch.manual_seed(seed)
    head = build_head(SMALL)
    for layer in head.refine_heads.branches:
        layer.weight.data.mul_(20)  # attention matters
    results = []
    for losses in (literal_losses, our_losses):
        inputs, slopes = SMALL.inputs(seed=seed), {}
        if losses is our_losses:
            masks = _inject(head, inputs.draws, monkeypatch)
        head.zero_grad()
        found = losses(head, inputs.with_gradient(slopes))
        casd_case.backward(found)
        results.append((found, slopes, {name: p.grad for name, p in head.named_parameters()}))
    assert all((mask == 0).any() for mask in masks) and len(masks) == 2
    literal, ours = results
    assert set(literal[0]) == {'loss_mil', 'loss_refine1', 'loss_refine2', 'loss_bbox1', 'loss_bbox2'}
    assert set(literal[1]) == set(RINGS) and all(g is not None for g in literal[2].values())
    assert min(float(loss.detach()) for loss in literal[0].values()) > 0
    for a, b in zip(literal, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_promises_in_full_size():
    units = bench_mil.count_flops(FULL)
    assert FULL.unit == pytest.approx(0.96e12, rel=0.01)
    # specification, section 14: three passes, two masked ones, attention of two branches
    literal = units['literal']
    assert literal['main passes'] == pytest.approx(9)
    assert literal['masked passes'] == pytest.approx(6)
    assert literal['attention'] == pytest.approx(10, rel=1e-2)
    assert literal['total'] == pytest.approx(25, rel=5e-3)
    assert units['ours']['total'] <= bench_mil.MAX_UNITS
    assert units['ours']['main passes'] == pytest.approx(9)
    memory = bench_mil.count_memory(FULL)
    assert memory['ours']['head step'] <= bench_mil.MAX_MEMORY * memory['literal']['head step']
    for side in memory.values():
        assert side['of it pooled features'] == pytest.approx(3 * 4000 * 512 * 49 * 4 / 2**20)
        assert sum(size for name, size in side.items() if 'of it' in name) == pytest.approx(side['head step'], rel=1e-2)


def test_no_synchronisation():
    assert bench_mil.trace_synchronisation(SMALL) == {}


def test_trace_sees_a_miner_that_waits(monkeypatch):
    def wait(boxes, scores, labels):
        scores.max().item()
        return static_seeds(boxes, scores, labels)

    monkeypatch.setattr(bench_mil, 'static_seeds', wait)
    assert bench_mil.trace_synchronisation(SMALL) == {'supervision: _local_scalar_dense': 2}


@pytest.mark.slow
def test_command_line(tmp_path, monkeypatch, capsys):
    small = Case(proposals=12, views=2, channels=4, width=8)
    monkeypatch.setattr(bench_mil, 'FULL', small)
    pooling = bench_mil.measure_pooling
    monkeypatch.setattr(bench_mil, 'measure_pooling', lambda device: pooling(device, rois=2, channels=2))
    monkeypatch.setattr(bench_mil, 'measure_mining', dict)
    file = tmp_path / 'new' / 'numbers.json'
    monkeypatch.setattr(sys, 'argv', ['bench_mil.py', '--full', '--repeat', '1', '--trace-sync', '--json', str(file)])
    bench_mil.main()
    numbers = json.loads(file.read_text())
    assert set(numbers) == {'flops', 'memory', 'time', 'pooling', 'mining', 'waits'}
    stages = {'main passes', 'masked passes', 'attention', 'supervision', 'heads', 'rest', 'total'}
    assert set(numbers['time']['ours']) == set(numbers['time']['literal']) == stages
    out = capsys.readouterr().out
    assert 'scikit-learn is not installed' in out and 'that wait for a GPU: none' in out


def test_mining():
    pytest.importorskip('sklearn')
    times = bench_mil.measure_mining(rois=60, positive=2, repeat=1)
    assert times['ours']['peaked, same seeds'] == times['ours']['flat, same seeds'] == 1
