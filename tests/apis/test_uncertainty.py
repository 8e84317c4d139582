"""Uncertainty of single images."""

import numpy as np
import pytest
import torch

from tests.engine.runners.experiment import _fast, run, toy_config, write_devkit
from wsod_mm.apis.config import UsageError
from wsod_mm.apis.image_paths import find_images
from wsod_mm.apis.uncertainty import image_uncertainty, main
from wsod_mm.registry import MODELS
from wsod_mm.utils.checkpoint_io import CheckpointError


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Folder with a devkit and an experiment."""
    folder = tmp_path_factory.mktemp('uncertainty')
    config = toy_config(write_devkit(folder / 'kit'))
    run(config, folder / 'work')
    with _fast():
        made = toy_config(folder / 'kit')
        (folder / 'toy.py').write_text('\n'.join(f'{k} = {v!r}' for k, v in made.to_dict().items()))
    return folder


@pytest.fixture
def arguments(work):
    return work / 'toy.py', work / 'work/cycle0/epoch_4.pth'


def test_same_as_in_the_experiment(work, arguments):
    folder = work / 'kit/VOC2007/JPEGImages'
    names = [f'{i:06d}.jpg' for i in range(1, 9)]
    values = image_uncertainty(*arguments, [folder / name for name in names])
    stored = np.load(work / 'work/cycle0/uncertainty_0.npy')[:8]
    scored = np.isfinite(stored)
    assert scored.sum() > 3 and np.array(values, np.float32)[scored].tolist() == stored[scored].tolist()
    assert image_uncertainty(*arguments, str(folder))[:8] == values  # sorted by name; the last one is of test
    assert image_uncertainty(*arguments, folder / names[3], device='cpu') == [values[3]]


@pytest.mark.parametrize('strategy', ['entropy', 'LeastConfidenceStrategy', dict(type='MarginStrategy', k=3)])
def test_other_strategies(work, arguments, strategy):
    image = work / 'kit/VOC2007/JPEGImages/000001.jpg'
    (value,) = image_uncertainty(*arguments, image, strategy)
    assert 0 <= value <= 2 and [value] != image_uncertainty(*arguments, image)


def test_config_of_testing(work, arguments):
    """A plain detector's config has no pipeline for scoring, and no strategy."""
    image = work / 'kit/VOC2007/JPEGImages/000001.jpg'
    config = toy_config(work / 'kit')
    config.test_dataloader = config.val_dataloader
    config.pop('active_learning')
    assert image_uncertainty(config, arguments[1], image, 'MIAOD') == image_uncertainty(*arguments, image)
    with pytest.raises(UsageError, match='no active_learning.strategy: give a strategy'):
        image_uncertainty(config, arguments[1], image)
    config.pop('test_dataloader')
    with pytest.raises(UsageError, match='no pipeline'):
        image_uncertainty(config, arguments[1], image, 'MIAOD')


@pytest.mark.parametrize(
    ('strategy', 'message'),
    [
        ('random', 'RandomStrategy does not score images'),
        ('CoreSet', 'describes an image by 16 numbers and has no uncertainty'),
        ('LearningLoss', "needs type='LearningLossDetector'"),
        ('best', "no strategy 'best'; there are CoreSetStrategy"),
    ],
)
def test_strategies_without_uncertainty(work, arguments, strategy, message):
    with pytest.raises(UsageError, match=message):
        image_uncertainty(*arguments, work / 'kit/VOC2007/JPEGImages/000001.jpg', strategy)


def test_broken_images(work, arguments, tmp_path):
    whole = (work / 'kit/VOC2007/JPEGImages/000001.jpg').read_bytes()
    for name, data in (('cut.jpg', whole[:-60]), ('empty.jpg', b''), ('text.jpg', b'no image at all')):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name):
            image_uncertainty(*arguments, [tmp_path / name])
    with pytest.raises(FileNotFoundError, match='gone.jpg'):
        find_images([tmp_path / 'gone.jpg'])
    (tmp_path / 'none').mkdir()
    with pytest.raises(UsageError, match='none has no images'):
        find_images(tmp_path / 'none')
    with pytest.raises(UsageError, match='no images were given'):
        find_images([])


def test_wrong_checkpoints(work, arguments, tmp_path):
    image = work / 'kit/VOC2007/JPEGImages/000001.jpg'
    config = toy_config(work / 'kit', **{'model.bbox_head.num_classes': 5})
    with pytest.raises(CheckpointError, match='epoch_4.pth is not one of this model: .* bbox_head.'):
        image_uncertainty(config, arguments[1], image)
    with pytest.raises(FileNotFoundError, match='gone.pth'):
        image_uncertainty(arguments[0], work / 'gone.pth', image)
    model = MODELS.build(toy_config(work / 'kit').model)
    for value in model.parameters():
        value.data.fill_(torch.nan)
    torch.save(model.state_dict(), tmp_path / 'nan.pth')
    with pytest.raises(ValueError, match='000001.jpg is nan'):
        image_uncertainty(arguments[0], tmp_path / 'nan.pth', image)


def test_command_line(work, arguments, capsys, tmp_path):
    folder = work / 'kit/VOC2012/JPEGImages'
    command = [*map(str, arguments), str(folder)]
    main(command)
    lines = [line.split('\t') for line in capsys.readouterr().out.splitlines()]
    expected = image_uncertainty(*arguments, folder)
    assert [path for path, _ in lines] == [str(folder / f'2008_00000{i}.jpg') for i in range(1, 5)]
    assert [float(value) for _, value in lines] == pytest.approx(expected, rel=1e-5)
    main([*command, '--sort', '--strategy', 'entropy', '--device', 'cpu'])
    values = [float(line.split('\t')[1]) for line in capsys.readouterr().out.splitlines()]
    assert values == sorted(values, reverse=True) and len(values) == 4
    (tmp_path / 'text.jpg').write_bytes(b'no image')
    for images, message in ((tmp_path / 'text.jpg', 'error: .*text.jpg'), (tmp_path / 'gone.jpg', 'error: .*gone.jpg')):
        with pytest.raises(SystemExit, match=message):
            main([*map(str, arguments), str(images)])
