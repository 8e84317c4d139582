"""Weights that do not fit are refused."""

from types import SimpleNamespace

import pytest
from mmengine.runner.base_loop import BaseLoop
from torch import nn

from wsod_mm.engine.hooks import CheckpointGuardHook
from wsod_mm.utils.checkpoint_io import CheckpointError


class Loop(BaseLoop):
    def __init__(self):
        self._dataloader = None

    dataloader = None

    def run(self):
        pass


def runner(classes, train=False, resume=False):
    warnings = []
    return SimpleNamespace(
        model=nn.Linear(4, classes),
        work_dir='w',
        _load_from='given.pth',
        _resume=resume,
        _train_loop=Loop() if train else None,
        _test_loop=None if train else Loop(),
        _val_loop=None,
        warnings=warnings,
        logger=SimpleNamespace(warning=warnings.append),
    )


def file(classes):
    return dict(state_dict=nn.Linear(4, classes).state_dict())


@pytest.mark.parametrize('mode', [{}, dict(train=True, resume=True)])
def test_another_class_count_is_an_error(mode):
    CheckpointGuardHook().after_load_checkpoint(runner(20, **mode), file(20))
    with pytest.raises(CheckpointError) as error:
        CheckpointGuardHook().after_load_checkpoint(runner(20, **mode), file(6))
    for part in (
        'given.pth',
        'weight (6, 4) in the file, (20, 4) in the model',
        'bias (6,)',
        'number of classes',
        'strict=False',
    ):
        assert part in str(error.value)


def test_missing_weights_are_an_error():
    checkpoint = file(20)
    del checkpoint['state_dict']['bias']
    with pytest.raises(CheckpointError, match='1 weights are missing in the file: bias'):
        CheckpointGuardHook().after_load_checkpoint(runner(20), checkpoint)


def test_not_strict_warns():
    given = runner(20)
    CheckpointGuardHook(strict=False).after_load_checkpoint(given, file(6))
    assert 'bias (6,)' in given.warnings[0]


def test_fine_tuning_keeps_what_fits():
    given = runner(20, train=True)
    checkpoint = dict(state_dict={**file(20)['state_dict'], 'bias': file(6)['state_dict']['bias']})
    CheckpointGuardHook().after_load_checkpoint(given, checkpoint)
    assert 'keep their initial weights' in given.warnings[0]
    with pytest.raises(CheckpointError, match='none of its 1 weights fits'):
        CheckpointGuardHook().after_load_checkpoint(
            given, dict(state_dict={'other': checkpoint['state_dict']['weight']})
        )
