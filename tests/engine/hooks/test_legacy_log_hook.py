"""The log and the link that MMDetection 2 left in a work directory."""

import json
import os

import pytest
import torch

from tests.engine.loops.toy import CONFIG
from tests.engine.runs import train
from wsod_mm.engine.hooks.latest_link_hook import link_latest
from wsod_mm.engine.hooks.legacy_log_hook import LegacyLogHook, legacy_losses


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def hooks(folder, **options):
    legacy = dict(type='LegacyLogHook', interval=2, cycle=4, out_dir=str(folder), filename='now.log.json', **options)
    return {'custom_hooks': [legacy, dict(type='LatestLinkHook', out_dir=str(folder))]}


@pytest.fixture(scope='module')
def cycle(tmp_path_factory):
    """A cycle of label, min, max, label with one epoch each, in a folder of its own within that of the experiment."""
    folder = tmp_path_factory.mktemp('experiment')
    torn = folder / 'now.log.json'
    torn.write_text('{"seed": 1}\n{"mode": "tra')
    train(folder / 'cycle4', config=CONFIG, **hooks(folder), **{'train_cfg.epoch': 1, 'train_cfg.epoch_ratio': [1, 1]})
    return folder


def test_lines(cycle):
    first, *lines = lines_of(cycle / 'now.log.json')
    assert first == {'seed': 1}  # half a line is gone, the lines before it stay
    *training, last = lines
    assert last == dict(mode='val', cycle=4, stage='label', epoch=1, global_epoch=4, mAP=0.02)
    where = [(e['mode'], e['cycle'], e['stage'], e['epoch'], e['global_epoch'], e['iter']) for e in training]
    assert where == [
        ('train', 4, stage, 1, epoch, it)
        for epoch, stage in enumerate(('label', 'min', 'max', 'label'), 1)
        for it in (2, 3)
    ]
    assert all(line['lr'] == 0.01 and line['time'] > 0 and line['data_time'] > 0 for line in training)


def test_losses_of_a_stage(cycle):
    lines = {(e['stage'], e['iter']): e for e in lines_of(cycle / 'now.log.json')[1:-1]}
    label, low, high = (lines[stage, 2] for stage in ('label', 'min', 'max'))
    assert {k for k in label if k.startswith('l_')} == {'l_det_cls', 'l_det_loc', 'l_imgcls'}
    assert label['L_det'] == label['labeled/L_det']
    assert label['L_det'] == pytest.approx(label['l_det_cls'] + label['l_det_loc'] + label['l_imgcls'])
    assert low['L_wave_min'] == pytest.approx(low['labeled/L_wave_min'] + low['unlabeled/L_wave_min'])
    assert low['unlabeled/L_wave_min'] == pytest.approx(low['unlabeled/l_wave_dis'] + low['unlabeled/l_imgcls'])
    assert low['labeled/l_wave_dis'] == low['unlabeled/l_det_cls'] == 0 < low['unlabeled/l_wave_dis']
    assert low['l_wave_dis'] == low['unlabeled/l_wave_dis'] and low['l_det_cls'] == low['labeled/l_det_cls']
    assert high['unlabeled/L_wave_max'] == pytest.approx(high['unlabeled/l_wave_dis_minus'])
    assert not any('loss' in name for name in low | high | label)


def test_link(cycle):
    link = cycle / 'latest.pth'
    assert link.is_symlink() and os.readlink(link) == os.path.join('cycle4', 'epoch_4.pth')
    torch.load(link, weights_only=True)
    assert not list(cycle.glob('.latest*'))


def test_other_loops_and_the_first_line(tmp_path):
    options = {'custom_hooks': [dict(type='LegacyLogHook', interval=4), dict(type='LatestLinkHook')]}
    by_iter = dict(by_epoch=False, interval=5, max_keep_ckpts=1)
    train(tmp_path, **options, **{'train_cfg.max_epochs': 1, 'default_hooks.checkpoint': by_iter})
    [path] = tmp_path.glob('*.log.json')
    assert (tmp_path / path.name.removesuffix('.log.json')).is_dir()  # named as MMEngine's folder is
    first, *lines, last = lines_of(path)
    assert first['seed'] == 0 and 'PyTorch' in first['env_info'] and 'ToyModel' in first['config']
    assert [line['iter'] for line in lines] == [4, 8, 11]
    assert {'l_det_cls', 'L_det'} <= set(lines[0]) and 'stage' not in lines[0] and lines[0]['global_epoch'] == 1
    assert last['mode'] == 'val' and last['epoch'] == 1 and last['accuracy'] >= 0
    assert os.readlink(tmp_path / 'latest.pth') == 'iter_11.pth' and (tmp_path / 'latest.pth').is_file()


def test_old_names():
    values = {
        'labeled/loss_cls': 1.0,
        'labeled/loss': 3.0,
        'unlabeled/loss_cls': 0.0,
        'unlabeled/loss': 4.0,
        'loss': 7.0,
    }
    assert legacy_losses(values, 'max') == {
        'labeled/l_det_cls': 1.0,
        'labeled/L_wave_max': 3.0,
        'unlabeled/l_det_cls': 0.0,
        'unlabeled/L_wave_max': 4.0,
        'l_det_cls': 1.0,
        'L_wave_max': 7.0,
    }
    assert legacy_losses({'loss_bbox': 2.0, 'acc': 5.0, 'loss': 2.0}) == {'l_det_loc': 2.0, 'acc': 5.0, 'L_det': 2.0}
    with pytest.raises(ValueError, match='interval'):
        LegacyLogHook(interval=0)


def test_link_is_replaced_and_copied_where_there_are_no_links(tmp_path, monkeypatch):
    files = [tmp_path / 'cycle0' / f'epoch_{n}.pth' for n in (1, 2)]
    files[0].parent.mkdir()
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]))
        link_latest(file, tmp_path / 'latest.pth')
        assert (tmp_path / 'latest.pth').read_bytes() == bytes([number])

    def refuse(*arguments):
        raise OSError('no links here')

    monkeypatch.setattr(os, 'symlink', refuse)
    link_latest(files[0], tmp_path / 'latest.pth')
    assert not (tmp_path / 'latest.pth').is_symlink() and (tmp_path / 'latest.pth').read_bytes() == b'\0'
    assert files[1].read_bytes() == b'\1'
    with pytest.raises(FileNotFoundError, match='no such file'):
        link_latest(tmp_path / 'gone.pth', tmp_path / 'latest.pth')
