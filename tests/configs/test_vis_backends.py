"""The logging backends that configs can choose, in real runs."""

import pytest
from mmengine.config import Config

from tests.engine.runs import train
from wsod_mm.utils.paths import config_dir


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, package, pattern',
    [
        ('tensorboard', 'tensorboard', '**/events.out.tfevents.*'),
        ('wandb_offline', 'wandb', '**/offline-run-*/*.wandb'),
    ],
)
def test_backend_writes_its_files_without_a_network(name, package, pattern, tmp_path):
    pytest.importorskip(package)
    chosen = Config.fromfile(config_dir() / '_base_' / 'vis' / f'{name}.py')
    train(tmp_path / 'run', **{'visualizer': dict(chosen.visualizer), 'train_cfg.max_epochs': 1})
    files = list((tmp_path / 'run').glob(pattern))
    assert files and all(file.stat().st_size > 0 for file in files)
