"""Every config loads, builds, takes a training step and predicts."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from tests.models.weak_detector import batch, view_batch
from wsod_mm.registry import METRICS, MODELS, TRANSFORMS

ROOT = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = sorted(p for p in ROOT.rglob('*.py') if '_base_' not in p.parts)
NAME = re.compile(r'[a-z0-9]+_[a-z0-9-]+_\d+xb\d+-[a-z0-9-]+_[a-z0-9]+')


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
def test_pipelines_and_evaluators_build(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)
    METRICS.build(cfg.val_evaluator)
    METRICS.build(cfg.test_evaluator)
    for transform in cfg.get('tta_pipeline', []):
        TRANSFORMS.build(transform)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_one_training_step_and_one_prediction(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
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
