"""The README of active learning: its example for own data is a config that works, and it names every config."""

import re

from mmengine.config import Config

from wsod_mm.active.cycle_config import pool_config
from wsod_mm.utils.paths import config_dir

README = (config_dir() / 'mi_aod' / 'README.md').read_text(encoding='utf-8')


def test_own_data(tmp_path):
    (code,) = re.findall(r'```python\n(# my_miaod\.py.*?)```', README, re.DOTALL)
    path = tmp_path / 'my_miaod.py'
    path.write_text(code.replace("'configs/", f"'{config_dir().as_posix()}/"))
    config = Config.fromfile(path)
    assert pool_config(config).ann_file == 'train.json'  # fails where two data sets have different pools
    assert 'voc' not in str(config.train_dataloader).lower() and config.train_cfg.unlabeled_dataloader.batch_size == 2
    assert 'voc' not in str(config.test_dataloader).lower() and config.test_dataloader.dataset.pipeline
    assert config.active_learning.budget == 25 and config.model.bbox_head.num_classes == 2


def test_names_every_config():
    for path in (config_dir() / 'mi_aod').glob('*.py'):
        assert path.name in README or f'`{path.stem.split("_")[0]}_...`' in README, path.name
