"""A tiny experiment of active learning, as a whole or killed at chosen moments."""

import contextlib
import gc
import importlib
import itertools
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from unittest import mock

import mmdet.datasets  # noqa: F401  (the forks below start with everything imported)
import mmdet.evaluation  # noqa: F401
import mmdet.models  # noqa: F401
import numpy as np
import torch
import torch._dynamo  # noqa: F401  (the optimisers import it)
from mmengine.config import Config
from PIL import Image

import wsod_mm.engine  # noqa: F401
from tests.models.miaod import TwoConvs, spread
from wsod_mm.apis.train import prepare_training
from wsod_mm.models.dense_heads import MIAODRetinaHead
from wsod_mm.registry import MODELS

CONFIG = Path(__file__).with_name('toy_config.py')
LIMIT = 120.0
NAMES = tuple([f'{i:06d}' for i in range(1, 9)] + [f'2008_{i:06d}' for i in range(1, 5)])
BOXES = ('cat', (5, 5, 40, 40)), ('dog', (20, 8, 60, 44))

MODELS.register_module(name='ToyBody', module=TwoConvs)


@MODELS.register_module()
class ToyMIAODHead(MIAODRetinaHead):
    """Its classifiers disagree from the beginning, so that images get scores of their own."""

    def init_weights(self):
        super().init_weights()
        spread(self)


def write_devkit(root):
    """VOC2007 with 8 images of trainval and one of test, VOC2012 with 4; one or two objects each."""
    rng = np.random.default_rng(0)
    for year, names in (('VOC2007', [*NAMES[:8], '000100']), ('VOC2012', NAMES[8:])):
        for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
            (root / year / folder).mkdir(parents=True)
        for k, name in enumerate(names):
            pixels = rng.integers(0, 60 + 15 * k, (48, 64, 3))
            for kind, (x1, y1, x2, y2) in BOXES[: 1 + k % 2]:
                pixels[y1:y2, x1:x2, kind == 'dog'] += 100
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / year / f'JPEGImages/{name}.jpg')
            write_xml(root / year / f'Annotations/{name}.xml', BOXES[: 1 + k % 2])
        (root / year / 'ImageSets/Main/trainval.txt').write_text('\n'.join(n for n in names if n in NAMES) + '\n')
        (root / year / 'ImageSets/Main/test.txt').write_text('\n'.join(n for n in names if n not in NAMES) + '\n')
    return root


def write_xml(path, objects):
    """Annotation of an image of 64 x 48."""
    text = ''.join(
        f'<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>'
        f'<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>'
        for name, (x1, y1, x2, y2) in objects
    )
    size = '<size><width>64</width><height>48</height><depth>3</depth></size>'
    path.write_text(f'<annotation><filename>{path.stem}.jpg</filename>{size}{text}</annotation>')


def toy_config(devkit, path=CONFIG, **options):
    """The config with its data and dotted options; those of ``active_learning`` by their own names."""
    config = Config.fromfile(str(path))
    inside = ('strategy', 'initial_size', 'budget', 'cycles', 'candidates', 'unlabeled_size', 'seed')
    inside += ('start_cycle', 'labeled_file', 'unlabeled_file', 'stop_after_selection', 'metric', 'flush_every')
    set_everywhere(config._cfg_dict, 'data_root', str(devkit))
    for key, value in options.items():
        if key in inside:
            config.active_learning[key] = value  # not merged: another strategy replaces the old
        else:
            config.merge_from_dict({key: value})
    return config


def set_everywhere(value, key, new):
    """Set all entries of this name in a nested config."""
    if isinstance(value, dict):
        for name, child in value.items():
            if name == key:
                value[name] = new
            else:
                set_everywhere(child, key, new)
    elif isinstance(value, list | tuple):
        for child in value:
            set_everywhere(child, key, new)


def with_pool(config, **options):
    """Change the pool, which stands in the config several times."""

    def walk(value):
        if isinstance(value, dict):
            if value.get('type') == 'VOCPool':
                value.update(options)
            for child in value.values():
                walk(child)
        elif isinstance(value, list | tuple):
            for child in value:
                walk(child)

    walk(config._cfg_dict)
    return config


@contextlib.contextmanager
def _fast():
    """What takes longer than the training."""
    text = property(lambda self: repr(self.to_dict()))
    gc.freeze()  # the runner collects garbage between cycles; what is there by now need not be looked at
    with (
        mock.patch.object(Config, 'pretty_text', text),
        mock.patch('mmengine.runner.runner.collect_env', dict),
        mock.patch('wsod_mm.engine.hooks.legacy_log_hook.collect_env', dict),
    ):
        try:
            yield
        finally:
            gc.unfreeze()


def run(config, work_dir, resume=None, launcher='none'):
    """Run an experiment in this process; returns the runner."""
    with _fast():
        runner = prepare_training(config, str(work_dir), resume, launcher=launcher)
        runner.train()
    return runner


def run_and_kill(config, work_dir, target=None, when=None, after=False, resume='auto'):
    """Go on with an experiment in a fork of this process; it kills itself.

    Args:
        config: The config.
        work_dir: Its folder.
        target: Function, ``module:name`` or ``module:Class.name``; ``None``: run to the end.
        when: Gets the number of the call (from 1) and the arguments of the function.
        after: Kill after the call, not before it.
        resume: As in ``prepare_training``.

    Returns:
        Whether it was killed.
    """
    process = multiprocessing.get_context('fork').Process(
        target=_child, args=(config, Path(work_dir), target, when, after, resume)
    )
    process.start()
    end = time.time() + LIMIT
    while process.exitcode is None and time.time() < end:
        time.sleep(0.01)
    text = Path(f'{work_dir}.out').read_text()[-3000:]
    if process.exitcode is None:
        process.kill()
    assert process.exitcode in (0, -signal.SIGKILL), text
    return process.exitcode != 0


def _child(config, work_dir, target, when, after, resume):
    try:
        log = open(f'{work_dir}.out', 'w')
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        torch.set_num_threads(1)
        if target is not None:
            _install(target, when or (lambda number, *args, **kwargs: True), after)
        run(config, work_dir, resume)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _install(target, when, after):
    module, _, name = target.partition(':')
    owner = importlib.import_module(module)
    *path, name = name.split('.')
    for part in path:
        owner = getattr(owner, part)
    original, numbers = getattr(owner, name), itertools.count(1)

    def deadly(*args, **kwargs):
        now = when(next(numbers), *args, **kwargs)
        if now and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def state(work_dir):
    """Contents of ``al_state.json``."""
    return json.loads((Path(work_dir) / 'al_state.json').read_text())


def weights(work_dir, cycle):
    """Weights of the last checkpoint of a cycle, loaded without pickle."""
    # one that was killed before it removed the one before may have two
    path = max((Path(work_dir) / f'cycle{cycle}').glob('epoch_*.pth'))
    return torch.load(path, weights_only=True)['state_dict']


def outcome(work_dir):
    """All of an experiment that must not depend on how it was run: sets, names, scores, selections, numbers."""
    work_dir = Path(work_dir)
    result = {'summary': (work_dir / 'summary.csv').read_text()}
    for path in sorted([*work_dir.glob('X_*.npy'), *work_dir.glob('cycle*/uncertainty_*.npy')]):
        array = np.load(path)
        result[path.name] = (array.dtype.str, array.tobytes())
    for path in sorted([*work_dir.glob('cycle*/[st]*.txt'), *work_dir.glob('cycle*/metrics.json')]):
        result[path.relative_to(work_dir).as_posix()] = path.read_text()
    return result


def tree(folder):
    """File -> time of change and size, of all files below a folder."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in Path(folder).rglob('*')
        if not path.is_dir() and '__pycache__' not in path.parts
    }
