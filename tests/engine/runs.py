"""Real training runs of the toy config in processes of their own, which can be killed."""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import mmdet.datasets  # noqa: F401  (the forks below start with everything imported)
import mmdet.evaluation  # noqa: F401
import mmdet.models  # noqa: F401
import torch
import torch._dynamo  # noqa: F401  (the optimisers import it)
from mmengine.config import Config

import wsod_mm.engine  # noqa: F401
from tests.engine import toy  # noqa: F401
from wsod_mm.apis.train import prepare_training
from wsod_mm.visualization import WeakVisualizer

CONFIG = Path(__file__).with_name('toy_config.py')


def toy_config(path=CONFIG, **options):
    """The toy config (or another one) with dotted options merged into it."""
    config = Config.fromfile(str(path))
    config.merge_from_dict(options)
    return config


def _train(work_dir, resume, options, switches, config):
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        log = open(work_dir / 'stdout.txt', 'w')
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        os.environ['TOY_PROGRESS'] = str(work_dir / 'progress')
        torch.set_num_threads(1)
        WeakVisualizer._instance_dict.clear()  # runs of other tests in this process leave theirs
        Config.pretty_text = property(lambda self: repr(self.to_dict()))  # formatting it takes longer than training
        prepare_training(toy_config(config, **options), str(work_dir), resume, **switches).train()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def start(work_dir, resume=None, config=CONFIG, switches=None, **options):
    """Start a training; a fork of this process, so that imports are not paid for again.

    ``switches`` go to ``prepare_training``, ``options`` into the config.
    """
    process = multiprocessing.get_context('fork').Process(
        target=_train, args=(Path(work_dir), resume, options, switches or {}, config)
    )
    process.start()
    return process


def train(work_dir, resume=None, config=CONFIG, switches=None, **options):
    """Train to the end."""
    process = start(work_dir, resume, config, switches, **options)
    end = time.time() + 120
    while process.exitcode is None and time.time() < end:  # join(timeout) would also wait for data workers left behind
        time.sleep(0.01)
    assert process.exitcode == 0, (Path(work_dir) / 'stdout.txt').read_text()[-3000:]


def train_and_kill(work_dir, steps, **options):
    """Train, and send SIGKILL as soon as ``steps`` training steps were begun."""
    process = start(work_dir, **options)
    progress = Path(work_dir) / 'progress'
    end = time.time() + 120
    while not progress.exists() or progress.stat().st_size < steps:
        assert process.is_alive() and time.time() < end, (Path(work_dir) / 'stdout.txt').read_text()[-3000:]
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL, 'the run ended before it was killed'
    return progress.stat().st_size


def last_checkpoint(work_dir):
    """Contents of the newest checkpoint, loaded without pickle."""
    return torch.load((Path(work_dir) / 'last_checkpoint').read_text(), weights_only=True)


def assert_identical(ours, theirs, path=''):
    """Fail unless two nested structures of tensors are equal to the bit."""
    if isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs), path
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), path
        for key in ours:
            assert_identical(ours[key], theirs[key], f'{path}.{key}')
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs), path
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_identical(a, b, f'{path}[{number}]')
    else:
        assert ours == theirs, path
