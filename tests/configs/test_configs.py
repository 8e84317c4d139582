"""Every config loads, builds, takes a training step and predicts."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from tests.configs.active_data import SmallData, finite
from tests.configs.narrow import narrow
from tests.models.weak_detector import batch, view_batch
from wsod_mm.registry import METRICS, MODELS, TASK_UTILS, TRANSFORMS
from wsod_mm.utils.walk import each_dict

ROOT = Path(__file__).resolve().parents[2] / 'configs'
#: those of AffinityNet and IRN have other tests, see test_weak_seg_configs.py
SEGMENTATION = ('affinitynet', 'irn', 'weakseg')
#: those of CAM and WSOL as well, see test_cam_configs.py
LOCALIZERS = ('cam_', 'has_', 'acol_', 'spg_', 'adl_', 'cutmix_')
CONFIGS = sorted(
    p for p in ROOT.rglob('*.py') if '_base_' not in p.parts and not p.stem.startswith(SEGMENTATION + LOCALIZERS)
)
NAME = re.compile(r'[a-z0-9-]+_[a-z0-9-]+_\d+xb\d+-[a-z0-9-]+_[a-z0-9]+')


def synthetic_batch(num_classes: int, views: bool = False) -> dict:
    """Two images with labels and proposals for any number of classes; at two scales where views are wanted."""
    labels = torch.zeros(2, num_classes)
    labels[0, 0] = labels[0, -1] = labels[1, 1] = 1
    return view_batch(proposals=6, labels=labels.tolist()) if views else batch(labels=labels.tolist())


def number_of_classes(model: dict) -> int:
    head = model['head'] if 'head' in model else model['roi_head']['bbox_head']
    return head['num_classes']


def test_there_are_configs():
    assert len(CONFIGS) >= 5


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_name_says_algorithm_components_batch_and_dataset(path):
    assert NAME.fullmatch(path.stem), f'{path.name}: <algorithm>_<components>_<GxbN>-<training>_<dataset>.py'


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_pipelines_and_evaluators_build(path, tmp_path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    if 'active_learning' in cfg:
        SmallData(cfg, tmp_path)  # COCO's metric reads its file at once
    pipelines = []
    each_dict(cfg._cfg_dict, lambda entry: pipelines.append(entry['pipeline']) if 'pipeline' in entry else None)
    assert len(pipelines) >= 3
    for transform in (transform for pipeline in pipelines for transform in pipeline):
        TRANSFORMS.build(transform)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        for metric in evaluator if isinstance(evaluator, list) else [evaluator]:
            METRICS.build(metric)
    for transform in cfg.get('tta_pipeline', []):
        TRANSFORMS.build(transform)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_one_training_step_and_one_prediction(path, tmp_path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    if 'active_learning' in cfg:
        check_active_config(cfg, tmp_path)
        return
    if path.parent.name == 'collaborative_learning':
        narrow(cfg)  # at full width they are built in test_collaborative_configs.py
    model = MODELS.build(cfg.model)
    model.init_weights()
    num_classes = number_of_classes(cfg.model)

    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    trainable = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    model.train()
    views = any(transform.type == 'WeakViews' for transform in cfg.train_dataloader.dataset.pipeline)
    for _ in range(cfg.optim_wrapper.get('accumulative_counts', 1)):
        losses = model.train_step(synthetic_batch(num_classes, views), wrapper)
    assert all(torch.isfinite(v) for v in losses.values()), losses
    moved = [n for n, p in model.named_parameters() if p.requires_grad and not torch.equal(p, trainable[n])]
    assert moved, 'the step changed no weight'

    model.eval()
    with torch.no_grad():
        results = model.test_step(synthetic_batch(num_classes))
    assert len(results) == 2
    for sample in results:
        if 'pred_label' in sample:
            assert sample.pred_label.score.shape == (num_classes,)
        else:
            assert sample.top1_instances.scores.shape == (num_classes,)


def check_active_config(cfg: Config, folder: Path):
    """A step of every stage on images from files, a score and a prediction."""
    data = SmallData(cfg, folder)
    model = MODELS.build(cfg.model)
    model.init_weights()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    model.train()
    staged = cfg.train_cfg.type == 'MIAODTrainLoop'
    if staged:
        model.set_stage('label')
    labeled = data.batch('labeled')
    for sample in labeled['data_samples']:
        # the random crops of SSD may leave out one of the two boxes, but never both
        assert sample.labeled is True and 1 <= len(sample.gt_instances) <= 2
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    assert finite(model.train_step(labeled, wrapper))
    assert any(not torch.equal(value, before[name]) for name, value in model.named_parameters())
    if staged:
        assert cfg.train_cfg.unlabeled_dataloader == cfg.unlabeled_dataloader
        unlabeled = data.batch('unlabeled')
        assert all(sample.labeled is False for sample in unlabeled['data_samples'])
        for stage, name in (('min', 'loss_wave_dis'), ('max', 'loss_wave_dis_minus')):
            model.set_stage(stage)
            losses = model.train_step(unlabeled, wrapper)
            assert finite(losses) and name in losses

    model.eval()
    options = cfg.active_learning
    strategy = TASK_UTILS.build(options.strategy)
    strategy.check(model)
    if strategy.needs_scores:
        inputs = model.data_preprocessor(data.batch('candidates'), False)
        values = strategy.score(model, inputs['inputs'], inputs['data_samples'])
        assert values.dtype == torch.float32 and len(values) == 1 and torch.isfinite(values).all()
    assert options.cycles >= 3 and options.initial_size > 0 and options.budget > 0
    with torch.no_grad():
        (result,) = model.test_step(data.test_batch())
    assert {'bboxes', 'scores', 'labels'} <= set(result.pred_instances.keys())
    assert cfg.runner_type == 'wsod_mm.ActiveLearningRunner'
