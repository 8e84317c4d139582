"""``tools/train.py`` and ``tools/test.py`` as a user runs them, and MMDetection's own tools."""

import json
import subprocess
import sys
from pathlib import Path

import mmdet
import pytest

from tests.distributed.dist_runs import ROOT, environment, free_port, logged
from tests.engine.runs import CONFIG, toy_config, train
from wsod_mm.apis import test as testing
from wsod_mm.apis import train as training
from wsod_mm.apis.config import ConfigNotFoundError, load_config
from wsod_mm.engine.hooks.results_hook import read_results


def command(*arguments, fails=False):
    done = subprocess.run(
        [str(a) for a in arguments],
        env=environment(PORT=free_port()),
        capture_output=True,
        text=True,
        timeout=180,
        cwd=ROOT,
    )
    assert (done.returncode != 0) == fails, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Work directory of a finished toy run."""
    folder = tmp_path_factory.mktemp('trained')
    train(folder)
    return folder


@pytest.mark.slow
def test_stock_mmdet_train_runs_a_config_of_ours(tmp_path):
    stock = Path(mmdet.__file__).parent / '.mim' / 'tools' / 'train.py'
    command(sys.executable, stock, CONFIG, '--work-dir', tmp_path, '--amp')
    results = read_results(tmp_path)
    assert results['train']['finished'] and len(results['val_history']) == 3
    # and its files can be resumed by it, which MMEngine's own cannot on torch >= 2.6
    command(
        sys.executable,
        stock,
        CONFIG,
        '--work-dir',
        tmp_path,
        '--amp',
        '--resume',
        '--cfg-options',
        'train_cfg.max_epochs=4',
    )
    assert read_results(tmp_path)['train']['iter'] == 44


def test_config_of_scope_mmdet_uses_our_types(tmp_path):
    (tmp_path / 'foreign.py').write_text(
        "_base_ = 'mmdet::_base_/default_runtime.py'\ncustom_hooks = [dict(type='wsod_mm.ResultsHook')]\n"
    )
    code = (
        'import sys\nfrom mmengine.config import Config\nfrom mmengine.registry import HOOKS, '
        f'init_default_scope\nconfig = Config.fromfile({str(tmp_path / "foreign.py")!r})\n'
        'init_default_scope(config.default_scope)\nassert "wsod_mm" not in sys.modules\n'
        'print(type(HOOKS.build(config.custom_hooks[0])).__module__)\n'
    )
    assert 'wsod_mm.engine.hooks' in command(sys.executable, '-c', code)


@pytest.mark.slow
def test_our_tools(trained, tmp_path):
    command(
        sys.executable,
        ROOT / 'tools/train.py',
        CONFIG,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'randomness.seed=3',
    )
    assert read_results(tmp_path)['seed'] == 3
    command(sys.executable, ROOT / 'tools/test.py', CONFIG, trained / 'epoch_3.pth', '--work-dir', tmp_path)
    results = json.loads((tmp_path / 'results.json').read_text())
    assert results['test']['metrics'] == read_results(trained)['val']['metrics']
    assert results['test']['checkpoint'].endswith('epoch_3.pth') and results['train']['finished']


@pytest.mark.slow
def test_dist_test_with_two_cpu_processes(trained, tmp_path):
    command('bash', ROOT / 'tools/dist_test.sh', CONFIG, trained / 'epoch_3.pth', 2, '--work-dir', tmp_path)
    assert read_results(tmp_path)['test']['metrics'] == read_results(trained)['val']['metrics']


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh'])
def test_usage_of_the_scripts(script):
    assert 'usage:' in command('bash', ROOT / 'tools' / script, fails=True)


def test_checkpoint_of_another_class_count(trained):
    with pytest.raises(SystemExit) as stop:
        testing.main(
            [
                str(CONFIG),
                str(trained / 'epoch_3.pth'),
                '--work-dir',
                str(trained / 'other'),
                '--cfg-options',
                'model.num_classes=2',
                "test_dataloader.dataset.classes=['cat','dog']",
            ]
        )
    for part in (
        'epoch_3.pth',
        'head.weight (3, 8) in the file, (2, 8) in the model',
        'trained on 3 classes (cat, dog, bird), the config has 2 (cat, dog)',
    ):
        assert part in str(stop.value)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['toy_confg.py'], 'config toy_confg.py does not exist'),
        ([str(CONFIG), '--resume', 'nothing.pth'], 'checkpoint nothing.pth does not exist'),
    ],
)
def test_mistakes_in_training(arguments, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        training.main([*arguments, '--work-dir', str(tmp_path)])


def test_missing_checkpoint_in_testing(tmp_path):
    with pytest.raises(SystemExit, match='checkpoint gone.pth does not exist'):
        testing.main([str(CONFIG), 'gone.pth', '--work-dir', str(tmp_path)])


def test_resuming_a_damaged_file(trained, tmp_path):
    (tmp_path / 'half.pth').write_bytes((trained / 'epoch_3.pth').read_bytes()[:3000])
    with pytest.raises(SystemExit, match=r'half.pth \(3000 bytes\) is not a readable checkpoint'):
        training.main([str(CONFIG), '--resume', str(tmp_path / 'half.pth'), '--work-dir', str(tmp_path)])


def test_config_names_near_matches(tmp_path, monkeypatch):
    (tmp_path / 'configs' / 'oicr').mkdir(parents=True)
    (tmp_path / 'configs' / 'oicr' / 'oicr_vgg16_voc07.py').write_text('a = 1')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigNotFoundError, match='Did you mean .*oicr_vgg16_voc07.py'):
        load_config('configs/oicr/oicr_vgg16_voc7.py')


def test_resume_without_a_checkpoint_keeps_pretrained_weights(tmp_path):
    config = toy_config(load_from='pretrained.pth', work_dir=str(tmp_path))
    training.set_resume(config, 'auto')
    assert config.load_from == 'pretrained.pth' and not config.resume


def test_tta_needs_its_parts():
    with pytest.raises(ValueError, match='tta_model and tta_pipeline'):
        testing.use_test_time_augmentation(toy_config())


def test_tta_reaches_the_innermost_data_set():
    config = toy_config(tta_model=dict(type='ToyTTAModel'), tta_pipeline=[dict(type='A')])
    config.test_dataloader.dataset = dict(type='RepeatDataset', dataset=dict(type='ToyDataset'))
    testing.use_test_time_augmentation(config)
    assert config.model.type == 'ToyTTAModel' and config.model.module.type == 'ToyModel'
    assert config.test_dataloader.dataset.dataset.pipeline == [dict(type='A')]


def test_auto_scale_lr(tmp_path):
    train(
        tmp_path,
        switches=dict(auto_scale_lr=True),
        **{'train_dataloader.batch_size': 4, 'train_cfg.max_epochs': 1, 'param_scheduler': None},
    )
    assert logged(tmp_path, 'lr')[0] == pytest.approx(0.2)
    config = toy_config()
    config.pop('auto_scale_lr')
    with pytest.raises(ValueError, match='base_batch_size'):
        training.prepare_training(config, str(tmp_path), auto_scale_lr=True)
