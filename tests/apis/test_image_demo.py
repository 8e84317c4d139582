"""Both branches of Collaborative Learning on single images."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from tests.configs.narrow import narrow
from wsod_mm.apis.config import UsageError
from wsod_mm.apis.image_demo import ImageDetector, main
from wsod_mm.registry import MODELS
from wsod_mm.utils.paths import config_dir

CONFIGS = config_dir() / 'collaborative_learning'


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A small config, its weights, an image and proposals."""
    folder = tmp_path_factory.mktemp('demo')
    rng = np.random.RandomState(0)
    Image.fromarray(rng.randint(0, 255, (60, 80, 3), np.uint8)).save(folder / 'cat.jpg')
    np.save(folder / 'boxes.npy', np.array([[0, 0, 40, 40], [10, 5, 70, 50], [30, 20, 79, 59]]))
    config = narrow(Config.fromfile(CONFIGS / 'collaborative_vgg16-s16_1xb1-200k_voc07.py'))
    config.test_dataloader.dataset.pipeline[2].transforms[0].short_sides = 96
    config.dump(folder / 'config.py')
    init_default_scope('wsod_mm')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    torch.save(model.state_dict(), folder / 'weights.pth')
    return folder


def test_branches(files):
    paths = files / 'config.py', files / 'weights.pth'
    strong = ImageDetector(*paths)
    found = strong(files / 'cat.jpg')
    assert set(found) == {'strong'} and len(found['strong']) > 0
    boxes = found['strong'].bboxes
    assert boxes.min() >= 0 and boxes[:, 2].max() <= 79 and boxes[:, 3].max() <= 59
    both = ImageDetector(*paths, 'both', files / 'boxes.npy')(files / 'cat.jpg')
    assert set(both) == {'strong', 'weak'} and torch.equal(both['strong'].bboxes, boxes)
    weak = ImageDetector(*paths, 'weak', files / 'boxes.npy')(files / 'cat.jpg')
    assert torch.equal(weak['weak'].scores, both['weak'].scores)
    proposals = torch.from_numpy(np.load(files / 'boxes.npy')).float()
    distance = (weak['weak'].bboxes[:, None] - proposals).abs().amax(dim=2)
    assert distance.amin(dim=1).max() < 1e-3
    pictures = [strong.draw(files / 'cat.jpg', found, score_thr=t) for t in (0.0, 2.0)]
    assert strong.classes[0] == 'aeroplane' and len(strong.classes) == 20
    assert pictures[0].shape == pictures[1].shape and not np.array_equal(*pictures)


def test_command_line(files, tmp_path, capsys):
    last = [str(files / name) for name in ('cat.jpg', 'config.py', 'weights.pth')]
    main([*last, '--out-dir', str(tmp_path)])
    assert (tmp_path / 'cat.jpg').is_file() and 'strong -> ' in capsys.readouterr().out
    for more, message in (
        (['--branch', 'weak'], '--proposals FILE.npy'),
        (['--branch', 'weak', '--proposals', 'none.npy'], 'none.npy'),
        (['--branch', 'none'], '--proposals FILE.npy'),
    ):
        with pytest.raises(SystemExit, match=message):
            main([*last, *more])


def test_bad_proposals_and_other_detectors(files, tmp_path):
    np.save(tmp_path / 'flat.npy', np.zeros(4))
    detector = ImageDetector(files / 'config.py', files / 'weights.pth', 'weak', tmp_path / 'flat.npy')
    with pytest.raises(UsageError, match=r'flat.npy holds \(4,\)'):
        detector(files / 'cat.jpg')
    with pytest.raises(UsageError, match='FastRCNN has one branch only'):
        ImageDetector(CONFIGS / 'wsddn_vgg16-s16_1xb1-50k_voc07.py', files / 'weights.pth')
