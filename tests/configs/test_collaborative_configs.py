"""Configs of Collaborative Learning: what the papers' public code does, stages that fit each other, and a run."""

import copy
import multiprocessing
import os
import re
import traceback
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from tests.cli.test_real_configs import config_for
from tests.configs.narrow import narrow
from tests.engine.runs import last_checkpoint, train
from wsod_mm.apis.test import prepare_test
from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.evaluation import DetectionFile
from wsod_mm.registry import MODELS
from wsod_mm.visualization import WeakVisualizer

ROOT = Path(__file__).resolve().parents[2] / 'configs'
FOLDER = ROOT / 'collaborative_learning'
PATHS = sorted(FOLDER.glob('*.py'))
MINI = sorted((ROOT / 'mini').glob('collaborative*.py'))
VGG16 = FOLDER / 'collaborative_vgg16-s16_1xb1-200k_voc07.py'
CASCADE = ROOT / 'mini' / 'collaborative_cascade-minicnn_1xb4-3e_minivoc.py'
LOSSES = {'loss_wsddn', 'loss_cls', 'loss_bbox', 'loss_rpn_cls', 'loss_rpn_bbox'}
MONITORS = {'num_pseudo_gt', 'mean_pseudo_weight', 'num_fg_rois', 'weak_img_acc'}


def load(path):
    config = Config.fromfile(path)
    init_default_scope('wsod_mm')
    return config


@pytest.fixture(scope='module')
def shapes():
    """Shapes of the weights of a config's model at full width, built once."""
    known = {}

    def of(path):
        if path not in known:
            with torch.device('meta'):
                model = MODELS.build(load(path).model)
            known[path] = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        return known[path]

    return of


def test_there_are_configs():
    assert len(PATHS) == 16 and len(MINI) == 5


@pytest.mark.parametrize('path', [p for p in PATHS + MINI if p.stem.startswith('collaborative')], ids=lambda p: p.stem)
def test_stage_2_starts_from_stage_1(path, shapes):
    config = load(path)
    stage_1, checkpoint = re.fullmatch(r'work_dirs/(.+)/((?:iter|epoch)_\d+)\.pth', config.load_from).groups()
    first = load(path.parent / f'{stage_1}.py')
    length = first.train_cfg.get('max_iters') or first.train_cfg.max_epochs
    assert checkpoint.endswith(f'_{length}')
    assert first.train_dataloader.dataset.ann_file == config.train_dataloader.dataset.ann_file
    theirs, ours = shapes(path.parent / f'{stage_1}.py'), shapes(path)
    moved = {name.replace('roi_head.bbox_head', 'roi_head.weak_head'): shape for name, shape in theirs.items()}
    assert {name: ours.get(name) for name in moved} == moved
    taught = {f'teacher.{name}': shape for name, shape in theirs.items()}
    assert {name: shape for name, shape in ours.items() if name.startswith('teacher.')} == (
        taught if config.model.get('teacher') else {}
    )
    # both pool alike
    kinds = [each.model.roi_head.bbox_roi_extractor.roi_layer for each in (first, config)]
    assert kinds[0] == kinds[1]


def test_layers_have_the_sizes_of_the_public_code(shapes):
    found = shapes(VGG16)
    assert found['roi_head.shared_head.fc6.weight'] == (4096, 25088)
    assert found['rpn_head.rpn_cls.weight'] == (9, 512, 1, 1) and found['rpn_head.rpn_reg.weight'] == (36, 512, 1, 1)
    assert found['roi_head.bbox_head.fc_cls.weight'] == (21, 4096)
    assert found['roi_head.bbox_head.fc_reg.weight'] == (80, 4096)
    assert shapes(FOLDER / 'collaborative_resnet101_1xb1-200k_voc07.py')['roi_head.weak_head.fc_det.bias'] == (20,)


@pytest.mark.parametrize(
    ('name', 'iterations', 'drop'),
    [
        ('collaborative_vgg16-s16_1xb1-200k_voc07', 200000, 50000),
        ('collaborative_vgg16-s16_1xb1-70k_voc07', 70000, 50000),
        ('wsddn_vgg16-s16_1xb1-50k_voc07', 50000, 40000),
    ],
)
def test_schedule(name, iterations, drop):
    config = load(FOLDER / f'{name}.py')
    assert config.train_cfg.max_iters == iterations
    (schedule,) = config.param_scheduler
    assert schedule.milestones == [drop] and schedule.gamma == 0.1 and not schedule.by_epoch
    assert config.train_dataloader.sampler.type == 'InfiniteSampler' and config.train_dataloader.batch_size == 1
    assert config.default_hooks.logger.interval == 20 and config.default_hooks.checkpoint.interval == 5000


@pytest.mark.parametrize(('name', 'bias'), [('vgg16-s16', 2), ('resnet50', 1)])
def test_rates_and_decay(name, bias):
    config = narrow(load(FOLDER / f'collaborative_{name}_1xb1-200k_voc07.py'))
    model = MODELS.build(config.model)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    groups = {names[id(p)]: group for group in optimizer.param_groups for p in group['params']}
    assert {group['momentum'] for group in optimizer.param_groups} == {0.9}
    for key, group in groups.items():
        last = key.rpartition('.')[2]
        assert group['lr'] == pytest.approx(1e-3 * (bias if last == 'bias' else 1)), key
        assert group['weight_decay'] == (0 if last == 'bias' else 1e-4), key
    frozen = (
        ('backbone.conv1', 'backbone.layer1')
        if name == 'resnet50'
        else tuple(f'backbone.features.{number}.' for number in (0, 2, 5, 7))
    )
    left = {key for key, _ in model.named_parameters()} - set(groups)
    assert left and all(key.startswith(frozen) or '.bn' in key or 'downsample.1' in key for key in left)
    assert not any(key.startswith(frozen) for key in groups)


@pytest.mark.parametrize('dataset', ['voc07', 'voc12'])
def test_variants_differ_in_one_thing(dataset):
    base = load(FOLDER / f'collaborative_vgg16-s16_1xb1-200k_{dataset}.py').model
    assert (base.consistency, base.rpn_weight_order, base.beta, base.hard) == ('bootstrap', 'aligned', 0.8, True)
    for name, change in {
        'reference': dict(rpn_weight_order='reference'),
        'pairwise': dict(consistency='pairwise'),
    }.items():
        model = load(FOLDER / f'collaborative_{name}-vgg16-s16_1xb1-200k_{dataset}.py').model
        assert model == dict(base, **change)
    model = load(FOLDER / f'collaborative_cascade-vgg16-s16_1xb1-200k_{dataset}.py').model
    assert model.pop('teacher') and model == base


def test_testing_is_that_of_the_public_code():
    config = load(VGG16)
    pipeline = config.test_dataloader.dataset.pipeline
    (resize,) = pipeline[2].transforms
    assert resize.short_sides == 600 and resize.max_size == 1000
    assert [metric.get('branch') for metric in config.test_evaluator] == [None, 'weak']
    bare = load(FOLDER / 'collaborative_no-proposals-vgg16-s16_1xb1-200k_voc07.py')
    dataset = bare.test_dataloader.dataset
    assert dataset.proposal_file is None and 'LoadWeakProposals' not in str(dataset.pipeline)
    assert bare.model.test_cfg.branch == 'strong' and len(bare.test_evaluator) == 1
    assert bare.train_dataloader == config.train_dataloader


def _test(config, checkpoint, folder):
    try:
        os.dup2(os.open(folder.with_suffix('.log'), os.O_WRONLY | os.O_CREAT), 1)
        torch.set_num_threads(1)
        WeakVisualizer._instance_dict.clear()
        prepare_test(config, str(checkpoint), str(folder)).test()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def run_test(config, checkpoint, folder):
    """Test in a fork, as :func:`tests.engine.runs.train` trains."""
    process = multiprocessing.get_context('fork').Process(target=_test, args=(config, checkpoint, folder))
    process.start()
    process.join(120)
    assert process.exitcode == 0, folder.with_suffix('.log').read_text()[-3000:]
    return read_results(folder)


@pytest.mark.slow
def test_both_stages_from_files(mini_devkit, tmp_path):
    """Stage 1 to cascade, with its curves in TensorBoard; then both branches, and one without any proposals."""
    init_default_scope('wsod_mm')
    torch.manual_seed(0)
    stage_1 = MODELS.build(load(ROOT / 'mini' / 'wsddn_minicnn_1xb4-3e_minivoc.py').model)
    stage_1.init_weights()
    torch.save(stage_1.state_dict(), tmp_path / 'stage_1.pth')
    backends = "[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]"
    body = f"""
train_dataloader = dict(dataset=dict(indices=8))
val_dataloader = dict(dataset=dict(indices=2))
test_dataloader = dict(dataset=dict(indices=3))
train_cfg = dict(max_epochs=1, val_interval=1)
custom_hooks = []
default_hooks = dict(logger=dict(interval=1), visualization=dict(type='DetVisualizationHook'))
visualizer = dict(vis_backends={backends})
load_from = {str(tmp_path / 'stage_1.pth')!r}
"""
    run = tmp_path / 'run'
    path = config_for(tmp_path / 'cascade.py', mini_devkit, '', base=CASCADE)
    path = _derive(tmp_path / 'short.py', path, body)
    train(run, config=path)
    state = last_checkpoint(run)['state_dict']
    for name, value in stage_1.state_dict().items():
        assert torch.equal(state[f'teacher.{name}'], value), name
    assert not torch.equal(state['roi_head.bbox_head.fc_cls.weight'], torch.zeros(7, 256))

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = run.rglob('events.out.tfevents.*')
    curves = EventAccumulator(str(events.parent))
    curves.Reload()
    there = set(curves.Tags()['scalars'])
    assert (LOSSES - {'loss_wsddn'}) | MONITORS | {'loss', 'lr'} <= there
    assert {'voc/mAP_11pt', 'voc/CorLoc', 'weak/mAP_11pt', 'weak/CorLoc'} <= there
    assert len(curves.Scalars('loss_cls')) == 2

    config = Config.fromfile(path)
    for number, metric in enumerate(config.test_evaluator):
        metric.dump_path = str(tmp_path / f'{number}.npz')
    checkpoint = run / 'epoch_1.pth'
    both = run_test(copy.deepcopy(config), checkpoint, tmp_path / 'both')['test']
    assert set(both['details']) == {'voc', 'weak'} and len(both['metrics']) == 6
    strong, weak = (DetectionFile.load(tmp_path / f'{number}.npz') for number in (0, 1))
    assert strong.img_ids == weak.img_ids and not (set(strong.top.scores) & set(weak.top.scores))

    config.model.test_cfg.branch = 'strong'
    config.test_evaluator = config.test_evaluator[:1]
    dataset = config.test_dataloader.dataset
    dataset.proposal_file = None
    dataset.pipeline = [
        dict(type='LoadWeakImage'),
        dict(type='ShortSideResize', short_sides=152, max_size=320),
        dict(type='PackWeakInputs'),
    ]
    alone = run_test(config, checkpoint, tmp_path / 'alone')['test']
    assert alone['metrics'] == pytest.approx(
        {k: v for k, v in both['metrics'].items() if k.startswith('voc')}, nan_ok=True
    )


def _derive(path, base, body):
    path.write_text(f'_base_ = {str(base)!r}\n{body}')
    return path
