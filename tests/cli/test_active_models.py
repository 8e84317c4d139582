"""A model of an active-learning experiment is tested with the config of the experiment."""

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import save_checkpoint

from tests.configs.active_data import SmallData
from wsod_mm.apis.test import prepare_test
from wsod_mm.registry import MODELS
from wsod_mm.utils.paths import config_dir


def test_of_one_checkpoint(tmp_path):
    config = Config.fromfile(config_dir() / 'mini' / 'miaod_retinanet-minicnn_1xb4-13e_minivoc.py')
    init_default_scope(config.default_scope)
    SmallData(config, tmp_path)
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    path = tmp_path / 'epoch_13.pth'
    save_checkpoint({'state_dict': MODELS.build(config.model).state_dict(), 'meta': {}}, str(path))
    metrics = prepare_test(config, str(path), str(tmp_path / 'work')).test()
    assert 'pascal_voc/mAP' in metrics and not (tmp_path / 'work' / 'al_state.json').exists()
