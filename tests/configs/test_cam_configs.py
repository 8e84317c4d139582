"""Configs of CAM and WSOL: they train a step, predict and evaluate from files, and differ in their method alone."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from tests.configs.test_configs import LOCALIZERS, NAME
from tests.configs.wsol_devkit import shrink
from wsod_mm.registry import DATASETS, MODELS

ROOT = Path(__file__).resolve().parents[2] / 'configs'
PATHS = sorted(p for folder in ('cam', 'mini') for p in (ROOT / folder).glob('*.py') if p.stem.startswith(LOCALIZERS))
METHODS = tuple(name[:-1] for name in LOCALIZERS)


def load(name: str) -> Config:
    init_default_scope('wsod_mm')
    return Config.fromfile(next(p for p in PATHS if p.stem == name))


def test_there_are_configs():
    names = {p.stem for p in PATHS}
    assert len(names) == 3 + 36 + 14
    for method in METHODS:
        for rest in ('1xb32-50e_cub', '1xb32-10e_imagenet', '1xb32-10e_openimages'):
            assert {f'{method}_r50_{rest}', f'{method}_vgg16_{rest}'} <= names
        assert {f'{method}_minicnn_1xb16-20e_minivoc', f'{method}_minicnn_1xb16-30e_animals6'} <= names
    assert all(NAME.fullmatch(name) for name in names)


@pytest.mark.parametrize('path', PATHS, ids=lambda p: p.stem)
def test_a_step_and_an_evaluation_from_files(path, tmp_path):
    torch.manual_seed(0)
    config = shrink(load(path.stem), tmp_path)
    model = MODELS.build(config.model)
    if 'load_from' not in config or config.load_from is None:  # initialisation logs every weight, which takes longest
        model.init_weights()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    train = DATASETS.build(config.train_dataloader.dataset)
    data = pseudo_collate([train[0], train[1]])
    assert all('gt_instances' not in sample for sample in data['data_samples'])
    losses = model.train().train_step(data, wrapper)
    assert losses and all(torch.isfinite(value) for value in losses.values())
    moved = {name.split('.')[0] for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {'backbone', 'cam_head'}
    test = DATASETS.build(config.test_dataloader.dataset)
    evaluator = Evaluator(config.test_evaluator)
    evaluator.dataset_meta = test.metainfo
    with torch.no_grad():
        results = model.eval().test_step(pseudo_collate([test[k] for k in range(len(test))]))
    evaluator.process(results)
    numbers = evaluator.evaluate(len(test))
    assert numbers and not any(value != value for key, value in numbers.items() if 'class' not in key)
    epochs = int(re.search(r'-(\d+)e_', path.stem)[1])
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size == int(re.search(r'xb(\d+)', path.stem)[1])


@pytest.mark.parametrize('path', [p for p in PATHS if not p.stem.startswith('cam_')], ids=lambda p: p.stem)
def test_methods_differ_from_cam_in_the_model_alone(path):
    method, rest = path.stem.split('_', 1)
    own, cam = (load(name)._cfg_dict for name in (path.stem, f'cam_{rest}'))
    assert {key for key in own if own[key] != cam[key]} == {'model'}
    changed = {'has': 'data_preprocessor', 'cutmix': 'data_preprocessor', 'acol': 'cam_head', 'adl': 'backbone'}
    parts = {key for key in own['model'] if own['model'][key] != cam['model'][key]}
    assert parts == ({'backbone', 'cam_head'} if method == 'spg' else {changed[method]})
    body = own['model']['backbone'].get('backbone', own['model']['backbone'])
    plain = dict(cam['model']['backbone'])
    if method == 'spg':
        body = {**body, **{key: plain.get(key) for key in ('out_indices', 'out_blocks') if key in body}}
    assert {k: v for k, v in body.items() if v is not None} == plain


@pytest.mark.parametrize(
    'name, size, weights',
    [
        ('cam_r50_1xb32-50e_cub', (14, 14), 23.9),
        ('adl_r50_1xb32-50e_cub', (14, 14), 23.9),
        ('cam_vgg16_1xb32-50e_cub', (14, 14), 19.6),
        ('cam_r18_1xb32-150e_blog', (7, 7), 11.2),
    ],
)
def test_sizes_of_networks_and_maps(name, size, weights):
    with torch.device('meta'):
        model = MODELS.build(load(name).model).eval()
        maps = model.extract_feat(torch.empty(1, 3, 224, 224))[-1]
    assert tuple(maps.shape[2:]) == size
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(weights, abs=0.06)
    if 'r18' in name:
        assert sum(p.numel() for p in model.cam_head.parameters()) == 1539


def test_the_readme_names_every_config():
    text = (ROOT / 'cam' / 'README.md').read_text(encoding='utf-8')
    for path in PATHS:
        assert path.name in text or re.sub('^[a-z]+', '<method>', path.name) in text, path.name
