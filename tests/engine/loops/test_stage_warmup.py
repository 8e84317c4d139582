"""``MIAODTrainLoop(warmup=...)``: the learning rate rises at the beginning of every stage."""

import pytest
from mmengine.registry import PARAM_SCHEDULERS

from tests.engine.loops.fake_runner import LR, FakeRunner, loader
from tests.engine.loops.test_miaod_train_loop import BATCHES, SHORT, killed
from wsod_mm.active.schedule import cycle_stages, stage_warmups

WARMUP = dict(iters=2, start_factor=0.1)
DROP = dict(type='MultiStepLR', milestones=[12])


def rates(schedulers, **options):
    """Learning rate of each step; schedulers that the loop added are built as MMEngine's runner does it."""
    runner = FakeRunner(loader(3, True), loader(3, False), schedulers, **options)
    runner.param_schedulers = [
        PARAM_SCHEDULERS.build(dict(entry), default_args=dict(optimizer=runner.optim_wrapper.optimizer))
        if isinstance(entry, dict)
        else entry
        for entry in runner.param_schedulers
    ]
    runner.train_loop.run()
    return [step.lr for step in runner.steps]


def test_is_the_warmup_of_every_stage():
    warm = rates([DROP], warmup=WARMUP)
    assert warm == pytest.approx(rates([DROP, *stage_warmups(cycle_stages(), 2, **WARMUP)]))
    assert warm != pytest.approx(rates([DROP]))
    # two iterations per epoch, each of two steps in "min" and "max"
    assert warm[:3] == pytest.approx([0.1 * LR, 0.55 * LR, LR])
    assert warm[6:8] == pytest.approx([0.1 * LR] * 2)


def test_schedulers_of_the_config_are_not_changed():
    class Given(FakeRunner):
        given = None

        def __setattr__(self, name, value):
            if name == 'param_schedulers' and 'train_loop' not in self.__dict__ and value == []:
                value = self.given
            super().__setattr__(name, value)

    for given, number in ((None, 7), (dict(DROP), 8), ([dict(DROP)], 8)):
        Given.given = given
        before = repr(given)
        runner = Given(loader(2, True), None, warmup=WARMUP)
        assert len(runner.param_schedulers) == number and repr(given) == before
    Given.given = dict(one=[dict(DROP)])
    with pytest.raises(TypeError, match='as a list, not by names'):
        Given(loader(2, True), None, warmup=WARMUP)
    Given.given = None
    with pytest.raises(TypeError, match='iter'):
        Given(loader(2, True), None, warmup=dict(iter=5))
    with pytest.raises(ValueError, match='start_factor'):
        Given(loader(2, True), None, warmup=dict(start_factor=0.0))


def test_in_a_run_that_is_killed(tmp_path, monkeypatch):
    (tmp_path / 'run').mkdir()
    options = {**SHORT, 'train_cfg.warmup': dict(iters=BATCHES, start_factor=0.1)}
    lines = killed(monkeypatch, tmp_path, ['epoch 2'], **options)
    found = [(line['epoch'], line['lr']) for line in lines if line['kind'] == 'epoch']
    assert found == [(epoch, pytest.approx(1e-3)) for epoch in range(4)]
