"""Configs of AffinityNet and IRN: they train a step from files, and say what the papers' public code does."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from tests.configs.weak_devkit import CROP, HEIGHT, WIDTH, shrink
from wsod_mm.registry import DATASETS, METRICS, MODELS, PARAM_SCHEDULERS
from wsod_mm.weak_seg import load_weak_seg_config

ROOT = Path(__file__).resolve().parents[2] / 'configs'
FILES = sorted(p for folder in ('affinitynet', 'irn', 'mini') for p in (ROOT / folder).glob('*.py'))
PATHS = [p for p in FILES if p.stem.startswith(('affinitynet', 'irn', 'weakseg'))]
TRAININGS = [p for p in PATHS if re.search(r'_\d+xb\d+-', p.stem)]
PIPELINES = [p for p in PATHS if p not in TRAININGS]
MODEL_SIZES = {  # spec 3 and 10, millions of parameters
    'affinitynet-cls_vgg16_1xb16-15e_voc12': 20.5,
    'affinitynet-cls_resnet38_1xb16-15e_voc12': 105.2,
    'irn-cls_resnet50_1xb16-5e_voc12': 23.5,
    'irn_resnet50_1xb32-3e_voc12': 24.9,
}


def load(name: str) -> Config:
    config = Config.fromfile(next(p for p in FILES if p.stem == name))
    init_default_scope('wsod_mm')
    return config


def build(config: Config):
    model = MODELS.build(config.model)
    model.init_weights()
    return model


def built_data(dataset: dict):
    return DATASETS.build(dict(dataset, serialize_data=False))  # which collects garbage, for half a second


def batch_of(dataset: dict) -> dict:
    dataset = built_data(dataset)
    return pseudo_collate([dataset[0], dataset[1]])


def test_there_are_configs():
    assert len(TRAININGS) == 10 and len(PIPELINES) == 5


@pytest.mark.parametrize('path', PATHS, ids=lambda p: p.stem)
def test_name_says_algorithm_components_and_dataset(path):
    training = r'_\d+xb\d+-\d+e' if path in TRAININGS else ''
    assert re.fullmatch(rf'[a-z-]+_[a-z0-9]+{training}_[a-z0-9]+', path.stem)


@pytest.mark.parametrize('path', TRAININGS, ids=lambda p: p.stem)
def test_a_training_step_from_files(path, tmp_path):
    torch.manual_seed(0)
    config = shrink(load(path.stem), tmp_path)
    model = build(config)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    data = batch_of(config.train_dataloader.dataset)
    assert data['inputs'][0].shape == (3, CROP, CROP)
    assert data['data_samples'][0].gt_label.score.sum() == 2  # one class has a difficult object only
    model.train()
    losses = model.train_step(data, wrapper)
    assert losses and all(torch.isfinite(value) for value in losses.values())
    for name, value in model.named_parameters():
        assert value.requires_grad or torch.equal(value, before[name]), name
        if name.startswith('head.') and name.endswith('weight'):
            assert not torch.equal(value, before[name]), name
    assert config.train_dataloader.drop_last
    assert config.train_dataloader.batch_size == int(re.search(r'xb(\d+)', path.stem)[1])
    assert config.train_cfg.max_epochs == int(re.search(r'-(\d+)e_', path.stem)[1])


@pytest.mark.parametrize('path', [p for p in TRAININGS if '-cls' in p.stem], ids=lambda p: p.stem)
def test_classifiers_validate(path, tmp_path):
    config = shrink(load(path.stem), tmp_path)
    METRICS.build(config.val_evaluator)
    model = build(config).eval()
    with torch.no_grad():
        results = model.test_step(batch_of(config.val_dataloader.dataset))
    assert all(result.pred_label.score.shape == (20,) for result in results)


@pytest.mark.parametrize('path', [p for p in TRAININGS if p.stem.startswith('irn_')], ids=lambda p: p.stem)
def test_irn_has_batches_for_its_mean_displacement(path, tmp_path):
    config = shrink(load(path.stem), tmp_path)
    (hook,) = config.custom_hooks
    model = build(config)
    data = model.data_preprocessor(batch_of(hook.dataloader.dataset))
    assert not torch.equal(model.estimate_mean_shift([data['inputs']]), torch.zeros(2))


@pytest.mark.parametrize('name', MODEL_SIZES)
def test_sizes_of_the_published_networks(name):
    config = load(name)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(MODEL_SIZES[name], abs=0.06)


@pytest.mark.parametrize(
    ('name', 'images', 'steps'),
    [
        ('affinitynet-cls_vgg16_1xb16-15e_voc12', 10582, 9915),
        ('affinitynet-aff_vgg16_1xb8-8e_voc12', 10582, 10576),
        ('irn-cls_resnet50_1xb16-5e_voc12', 10582, 3305),
        ('irn_resnet50_1xb32-3e_voc12', 10582, 990),
    ],
)
def test_rates_end_with_the_training(name, images, steps):
    config = load(name)
    (schedule,) = config.param_scheduler
    schedule = dict(schedule)
    assert schedule.pop('convert_to_iter_based')
    kind = PARAM_SCHEDULERS.get(schedule.pop('type'))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    length = images // config.train_dataloader.batch_size
    scheduler = kind.build_iter_from_epoch(optimizer, **schedule, epoch_length=length)
    assert scheduler.total_iters == scheduler.end == steps == length * config.train_cfg.max_epochs
    for step in (1, 2):
        optimizer.step()
        scheduler.step()
        assert optimizer.param_groups[0]['lr'] == pytest.approx(0.1 * (1 - step / steps) ** 0.9)


@pytest.mark.parametrize(
    ('name', 'rates'),
    [
        # name of a weight -> (factor on the learning rate, weight decay)
        (
            'affinitynet-cls_vgg16_1xb16-15e_voc12',
            {'backbone.conv3_1.weight': (1, 5e-4), 'backbone.fc7.bias': (2, 0), 'head.fc.weight': (10, 5e-4)},
        ),
        ('affinitynet-cls_resnet38_1xb16-15e_voc12', {'backbone.conv1a.weight': None, 'head.fc.weight': (10, 5e-4)}),
        (
            'affinitynet-aff_vgg16_1xb8-8e_voc12',
            {
                'head.gn8_3.weight': (1, 5e-4),
                'head.gn8_3.bias': (2, 0),
                'head.f8_5.weight': (10, 5e-4),
                'head.f9.weight': (10, 5e-4),
            },
        ),
        (
            'irn-cls_resnet50_1xb16-5e_voc12',
            {
                'backbone.layer2.0.bn1.bias': None,
                'backbone.layer3.0.bn1.bias': (1, 1e-4),
                'head.fc.weight': (10, 1e-4),
            },
        ),
        (
            'irn_resnet50_1xb32-3e_voc12',
            {
                'backbone.layer4.2.conv3.weight': None,
                'head.fc_edge6.bias': (1, 1e-4),
                'head.fc_dp3.1.bias': (10, 1e-4),
                'head.fc_dp7.3.weight': (10, 1e-4),
            },
        ),
    ],
)
def test_parameter_groups_and_momentum(name, rates, tmp_path):
    config = shrink(load(name), tmp_path)
    model = build(config)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    found = defaultdict(lambda: None)
    for group in optimizer.param_groups:
        # the public code hands its decay to the momentum
        assert group['momentum'] == config.optim_wrapper.optimizer.weight_decay
        for parameter in group['params']:
            found[names[id(parameter)]] = group['lr'] / optimizer.defaults['lr'], group['weight_decay']
    assert optimizer.defaults['lr'] == (0.01 if 'resnet38' in name else 0.1)
    for key, expected in rates.items():
        assert key in names.values()
        assert found[key] == (None if expected is None else pytest.approx(expected)), key


@pytest.mark.parametrize('path', TRAININGS, ids=lambda p: p.stem)
def test_colour_beside_the_image(path, tmp_path):
    """Black where AffinityNet is trained, the mean colour everywhere else."""
    config = shrink(load(path.stem), tmp_path)
    dataset = built_data(config.train_dataloader.dataset)
    preprocessor = MODELS.build(config.model.data_preprocessor)
    for transform in dataset.pipeline.transforms:
        if type(transform).__name__ in ('RandomResizeLong', 'RandomRescale'):
            transform._draw = lambda: 60 if 'cls' in path.stem else 1.0
        if type(transform).__name__ == 'ContainerCrop':
            transform.placement = 'topleft'
        if type(transform).__name__ == 'RandomMirror':
            transform.prob = 0
    inputs = preprocessor(pseudo_collate([dataset[0]]))['inputs'][0]
    outside = inputs[:, HEIGHT:], inputs[:, :, WIDTH:]
    black = (-preprocessor.mean / preprocessor.std).expand(3, 1, 1)
    expected = black if config.model.type == 'AffinityNet' else torch.zeros(3, 1, 1)
    for part in outside:
        assert torch.equal(part, expected.expand_as(part))
    assert inputs[:, :HEIGHT, :WIDTH].std() > 0.1


@pytest.mark.parametrize('path', PIPELINES, ids=lambda p: p.stem)
def test_pipelines_fit_their_trainings(path):
    config = load_weak_seg_config(path, {'weak_seg.crf.backend': 'grid'})
    classifier = Config.fromfile(config.classifier)
    assert classifier.model.type == 'ImageClassifier'
    for key, stage in (('affinitynet', 'crf_labels/maps'), ('irn', 'ir_labels/masks')):
        network = getattr(config, key)
        if network is None:
            continue
        training = Config.fromfile(network.config)
        dataset = training.train_dataloader.dataset
        assert dataset.ann_file == config.lists['train'] and dataset.data_root == config.images['data_root']
        assert dataset.get('metainfo') == config.images.get('metainfo')
        assert dataset.difficult == config.images['difficult'] == 'include'
        assert [t.folder for t in dataset.pipeline if 'folder' in t] == [f'work_dirs/{path.stem}/{stage}']
        if path.parent.name == 'mini':
            assert network.init == 'classifier' and config.classifier.stem in training.load_from
            bodies = (MODELS.build(each.model.backbone).state_dict() for each in (classifier, training))
            theirs, ours = ({name: value.shape for name, value in body.items()} for body in bodies)
            assert theirs == ours
        else:
            assert network.init == 'config' and training.load_from.startswith('weights/')
    if config.irn is not None:
        assert config.cam.merge == 'strided' and config.cam.stride == training.model.head.strides[0]
        assert config.irn_crf.params.color_sigma == 5 and config.crf.params.color_sigma == 13
