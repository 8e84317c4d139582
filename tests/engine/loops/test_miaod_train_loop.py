"""MI-AOD's loop, by real training runs in processes of their own, and in this process with a runner of a few lines."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapperDict
from torch import nn

from tests.engine.loops.fake_runner import LR, FakeRunner, loader
from tests.engine.loops.toy import CONFIG, DIE_AFTER, TRACE, read_trace
from tests.engine.runs import assert_identical, last_checkpoint, start, train
from wsod_mm.active.schedule import cycle_stages, locate, stage_warmups

BATCHES = 3  # labeled ones, of five images; two unlabeled ones
TRAINED = {'label': {'g', 'f1', 'f2', 'f_r', 'f_mil'}, 'min': {'g', 'f_r', 'f_mil'}, 'max': {'f1', 'f2'}}
SHORT = {'train_cfg.epoch': 1, 'train_cfg.epoch_ratio': [1, 1]}  # label, min, max, label
BY_ITER = {
    'train_cfg.epoch': 1,
    'train_cfg.epoch_ratio': [1, 2],
    'default_hooks.checkpoint': dict(by_epoch=False, interval=1),
}


def traced(monkeypatch, folder, **options):
    """Train, and give what was noted."""
    monkeypatch.setenv(TRACE, str(folder / 'trace'))
    train(folder / 'run', config=CONFIG, **options)
    return read_trace(folder / 'trace')


def killed(monkeypatch, folder, moments, **options):
    """Train in one process after the other, each of which is killed at its moment; give what all of them noted."""
    monkeypatch.setenv(TRACE, str(folder / 'trace'))
    for moment in moments:
        monkeypatch.setenv(DIE_AFTER, moment)
        process = start(folder / 'run', 'auto', CONFIG, **options)
        process.join(120)
        assert process.exitcode == -9, (moment, (folder / 'run' / 'stdout.txt').read_text()[-3000:])
    monkeypatch.delenv(DIE_AFTER)
    train(folder / 'run', resume='auto', config=CONFIG, **options)
    return read_trace(folder / 'trace')


def batches(lines):
    return [line for line in lines if line['kind'] in 'LU']


def finals(folder):
    checkpoint = last_checkpoint(folder / 'run')
    return {part: checkpoint[part] for part in ('state_dict', 'optimizer', 'param_schedulers')}


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """An uninterrupted cycle of 13 epochs: its folder and its trace."""
    folder = tmp_path_factory.mktemp('whole')
    with pytest.MonkeyPatch.context() as patch:
        return folder, traced(patch, folder)


def test_order_of_batches(whole):
    """Pairs in "min" and "max"; two unlabeled batches serve three labeled ones."""
    lines, position = whole[1], 0
    kinds = ''.join(line['kind'] for line in batches(lines))
    assert kinds == ('LLL' * 3 + 'LULULU' * 2) * 2 + 'LLL' * 3
    pairs = [line['iter'] for line in lines if line['kind'] == 'iter']
    assert pairs == list(range(13 * BATCHES))
    stages = [locate(cycle_stages(), epoch).stage for epoch in range(13)]
    for stage in stages:
        for batch in batches(lines)[position : position + (BATCHES if stage == 'label' else 2 * BATCHES)]:
            assert batch['stage'] == stage
            position += 1


def test_every_pass_has_its_own_order_and_augmentation(whole):
    seen = batches(whole[1])
    for kind, size in (('L', 5), ('U', 4)):
        values = [batch['checksum'] for batch in seen if batch['kind'] == kind]
        assert len(set(values)) == len(values)
        ids = [i for batch in seen if batch['kind'] == kind for i in batch['ids']]
        passes = [tuple(ids[k : k + size]) for k in range(0, len(ids) // size * size, size)]
        if kind == 'L':
            assert all(sorted(one) == list(range(size)) for one in passes) and len(set(passes)) > 8
    for epoch in range(4):  # of "min" and "max": one pass, and the beginning of another
        ids = [batch['ids'] for batch in seen if batch['kind'] == 'U'][epoch * BATCHES :][:BATCHES]
        assert sorted(ids[0] + ids[1]) == [0, 1, 2, 3]


def test_trained_parts_and_fresh_momentum(whole):
    epochs = [line for line in whole[1] if line['kind'] == 'epoch']
    assert len(epochs) == 13
    for epoch, line in enumerate(epochs):
        at = locate(cycle_stages(), epoch)
        assert line['stage'] == at.stage and set(line['parts']) == TRAINED[at.stage]
        assert (line['momentum'] == 0) == (at.epoch == 0)
        assert line['lr'] == pytest.approx(1e-3 if epoch == 12 else 1e-2)
    assert [line['epoch'] for line in whole[1] if line['kind'] == 'val'] == [13]


def test_frozen_parameters_do_not_move(whole):
    """Weight decay and old momentum reach what is trained only; all that is trained moves."""
    from tests.models.miaod import detector

    model, before = detector(), None
    for epoch in range(13):
        after = torch.load(whole[0] / 'run' / f'weights0_{epoch + 1}.pth', weights_only=True)
        for name in after if before else ():
            moved = not torch.equal(before[name], after[name])
            assert moved == (model.group_of(name) in TRAINED[locate(cycle_stages(), epoch).stage]), (epoch, name)
        before = after


def test_logged_values_are_apart_and_whole(whole):
    names = {line['iter']: set(line['names']) for line in whole[1] if line['kind'] == 'iter'}
    assert names[0] == {'loss'} | {f'labeled/{n}' for n in ('loss', 'loss_cls', 'loss_bbox', 'loss_imgcls')}
    both = {f'{s}/{n}' for s in ('labeled', 'unlabeled') for n in ('loss', 'loss_cls', 'loss_bbox')}
    minus = {f'{side}/loss_wave_dis_minus' for side in ('labeled', 'unlabeled')}
    assert names[4 * BATCHES] == {'loss'} | both | minus
    text = next((whole[0] / 'run').glob('*/*.log')).read_text()
    assert text.count('trains f1, f2\n') == 2 and 'agree everywhere' not in text
    for line in text.splitlines():  # no value of a stage before
        if 'Epoch(train)' in line and ('[ 6][' in line or '[11][' in line):
            assert 'unlabeled/' not in line and 'wave_dis' not in line and 'labeled/loss_cls' in line


def test_killed_after_epochs_and_resumed(whole, tmp_path, monkeypatch):
    """Weights, momentum, schedulers and data are those of an uninterrupted run, to the bit."""
    lines = killed(monkeypatch, tmp_path, [f'epoch {n}' for n in (2, 3, 4, 7, 11)])
    assert batches(lines) == batches(whole[1])
    assert_identical(finals(tmp_path), finals(whole[0]))


def test_killed_inside_epochs_and_resumed(tmp_path, monkeypatch):
    """Checkpoints by iteration: in "min" (twice) and "max", with the unlabeled loader in its first and second pass."""
    uninterrupted = traced(monkeypatch, tmp_path / 'whole', **BY_ITER)
    lines = killed(monkeypatch, tmp_path / 'killed', [f'iter {n}' for n in (3, 7, 10)], **BY_ITER)
    assert len(batches(lines)) == 6 * BATCHES + 4 * BATCHES
    assert batches(lines) == batches(uninterrupted)
    assert_identical(finals(tmp_path / 'killed'), finals(tmp_path / 'whole'))


def test_resumed_without_a_configured_seed(tmp_path, monkeypatch):
    """The seed is in the checkpoint alone, and both loaders were built with another one before that is read."""
    options = {**SHORT, 'randomness.seed': None}
    lines, run = traced(monkeypatch, tmp_path, **options), tmp_path / 'run'
    before = finals(tmp_path)
    for epoch in (2, 3, 4):
        (run / f'epoch_{epoch}.pth').unlink()
    (run / 'last_checkpoint').write_text(str(run / 'epoch_1.pth'))
    train(run, resume='auto', config=CONFIG, **options)
    again = batches(read_trace(tmp_path / 'trace'))[len(batches(lines)) :]
    assert again == batches(lines)[BATCHES:]
    assert_identical(finals(tmp_path), before)


@pytest.fixture(autouse=True)
def folders(tmp_path):
    for name in ('whole', 'killed'):
        (tmp_path / name).mkdir()


def test_workers_change_nothing(tmp_path, monkeypatch):
    """Persistent workers, of both loaders, see to the same samples, and stop in "label"."""
    alone = traced(monkeypatch, tmp_path / 'whole', **SHORT)
    workers = {
        f'{prefix}.{key}': value
        for prefix in ('train_dataloader', 'train_cfg.unlabeled_dataloader')
        for key, value in (('num_workers', 1), ('persistent_workers', True))
    }
    assert batches(traced(monkeypatch, tmp_path / 'killed', **SHORT, **workers)) == batches(alone)


@pytest.mark.parametrize('unlabeled', [None, loader(0, False)])
def test_without_unlabeled_images_two_stages_are_skipped(unlabeled, caplog):
    schedulers = [dict(type='MultiStepLR', milestones=[12]), *stage_warmups(cycle_stages(), 2, 2, 0.1)]
    runner = FakeRunner(loader(3, True), unlabeled, schedulers, val_interval=4)
    runner.train_loop.run()
    assert {step.stage for step in runner.steps} == {'label'} and all(step.labeled for step in runner.steps)
    assert [step.epoch for step in runner.steps][::2] == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert runner.train_loop.epoch == 13 and runner.train_loop.iter == 26
    full = FakeRunner(loader(3, True), loader(3, False), schedulers)
    full.train_loop.run()
    there = [step.lr for step in full.steps if step.stage == 'label']
    assert [step.lr for step in runner.steps] == pytest.approx(there)
    assert there[-1] == pytest.approx(LR / 10) and there[0] == pytest.approx(LR / 10)
    assert runner.validated == [8, 12, 13]  # epochs that were not skipped
    assert caplog.text.count('are skipped') == 1


def test_order_and_ratio_of_the_stages():
    runner = FakeRunner(loader(2, True), loader(2, False), epoch=1, epoch_ratio=[1, 2], order='max_min')
    runner.train_loop.run()
    assert [(step.stage, step.labeled) for step in runner.steps] == [
        ('label', True),
        *[('max', True), ('max', False)] * 2,
        *[('min', True), ('min', False)] * 2,
        ('label', True),
    ]
    assert runner.validated == [6]
    none = FakeRunner(loader(2, True), loader(2, False), epoch_ratio=[3, 0])
    none.train_loop.run()
    assert [step.stage for step in none.steps] == ['label'] * 9


@pytest.mark.parametrize('value, warnings', [(0.5, 0), (1e-9, 2), (0.0, 2)])
def test_warns_when_the_classifiers_agree(value, warnings, caplog):
    FakeRunner(loader(2, True), loader(2, False), wave_dis=value).train_loop.run()
    assert caplog.text.count('agree everywhere') == warnings
    caplog.clear()
    quiet = FakeRunner(loader(2, True), loader(2, False), wave_dis=value, min_wave_dis=0.0)
    quiet.train_loop.run()
    assert 'agree everywhere' not in caplog.text


def test_wrong_input():
    one = FakeRunner(loader(2, True), None)
    one.model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match='trains a MIAODDetector, got Linear'):
        one.train_loop.run()
    two = FakeRunner(loader(2, True), None)
    two.optim_wrapper = OptimWrapperDict(only=two.optim_wrapper)
    with pytest.raises(TypeError, match='one optimizer'):
        two.train_loop.run()
    three = FakeRunner(loader(2, True), None)
    three.optim_wrapper._accumulative_counts = 2
    with pytest.raises(ValueError, match='accumulative_counts to 1'):
        three.train_loop.run()
    with pytest.raises(ValueError, match='has no batch'):
        FakeRunner(loader(0, True), None).train_loop.run()
    endless = ConfigDict(loader(2, False))
    endless.sampler.type = 'InfiniteSampler'
    with pytest.raises(TypeError, match='DefaultSampler'):
        FakeRunner(loader(2, True), endless).train_loop.run()
    with pytest.raises(ValueError, match='order must be'):
        FakeRunner(loader(2, True), None, order='max')


def test_a_loader_that_drops_all_its_batches():
    """Its length says that it has one."""
    dropping = loader(2, False) | dict(batch_sampler=dict(type='ToyEmptyBatchSampler', drop_last=True))
    with pytest.raises(ValueError, match='drop_last=False'):
        FakeRunner(loader(2, True), dropping).train_loop.run()
