"""``tools/vis_cam.py``."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from tests.apis.test_cam_inferencer import config_of, save
from tests.explain.detectors import detector, narrow_config
from tests.models.weak_detector import OICR, build
from wsod_mm.explain.cli import main
from wsod_mm.explain.methods import CAM_METHODS
from wsod_mm.proposals.store import ProposalStore


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Folder with models and pictures."""
    folder = tmp_path_factory.mktemp('vis_cam')
    (folder / 'pictures').mkdir()
    rng = np.random.default_rng(0)
    for name in 'ab':
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((72, 48), Image.Resampling.BICUBIC).save(folder / 'pictures' / f'{name}.png')
    (folder / 'classifier').mkdir()
    save(config_of('ImageClassifier'), folder / 'classifier')
    (folder / 'retinanet').mkdir()
    config = narrow_config('retinanet')
    resize = next(step for step in config.test_dataloader.dataset.pipeline if step.type == 'Resize')
    resize.scale = (96, 64)
    config.model.test_cfg.score_thr = 0.0
    config.dump(folder / 'retinanet/config.py')
    torch.save(detector('retinanet').state_dict(), folder / 'retinanet/weights.pth')
    (folder / 'oicr').mkdir()
    steps = [
        dict(type='LoadWeakImage'),
        dict(type='LoadWeakProposals'),
        dict(type='ProposalBroadcaster', transforms=[dict(type='ShortSideResize', short_sides=64, max_size=96)]),
        dict(type='PackWeakInputs'),
    ]
    model = Config(dict(model=OICR, default_scope='wsod_mm', test_dataloader=dict(dataset=dict(pipeline=steps))))
    model.dump(folder / 'oicr/config.py')
    torch.save(build(OICR).state_dict(), folder / 'oicr/weights.pth')
    return folder


def call(work, kind, *options, image='pictures/a.png', out=None):
    files = [str(work / kind / name) for name in ('config.py', 'weights.pth')]
    folder = ['--out-dir', str(out)] if out else []
    main([str(work / image), *files, *map(str, options), *folder])


@pytest.mark.parametrize('method', CAM_METHODS)
def test_methods_of_a_classifier(work, tmp_path, method, capsys):
    call(work, 'classifier', '--method', method.lower(), '--device', 'cpu', out=tmp_path)
    path, text, picture = capsys.readouterr().out.strip().split('\t')
    assert path.endswith('a.png') and picture == str(tmp_path / f'a_{method.lower()}.jpg')
    assert Image.open(picture).size == (400, 267) and (text in ('bear', 'cat', 'owl'))


def read(path):
    return np.asarray(Image.open(path).convert('RGB'), np.int16)


def test_options_change_the_picture(work, tmp_path, capsys):
    save_to = tmp_path / 'deep' / 'one.png'
    call(work, 'classifier', '--save-path', save_to, '--target-category', 1)
    assert capsys.readouterr().out.split('\t')[1] == 'cat'
    plain = read(save_to)
    for options in (
        ['--aug-smooth'],
        ['--eigen-smooth'],
        ['--target-layers', 'backbone[0]'],
        ['--target-layers', 'backbone[0]', 'backbone[1]', '--fusion', 'max'],
        ['--max-shape', 4],
        ['--cfg-options', 'model.data_preprocessor.mean=[0.,0.,0.]'],
        ['--method', 'LayerCAM'],
    ):
        target = tmp_path / 'other.png'
        call(work, 'classifier', '--save-path', target, '--target-category', 1, *options)
        other = read(target)
        assert other.shape == plain.shape and np.abs(other - plain).max() > 3, options
    call(work, 'classifier', '--target-category', 0, 2, image='pictures', out=tmp_path)
    assert sorted(p.name for p in tmp_path.glob('*.jpg')) == [f'{i}_gradcam_{c}.jpg' for i in 'ab' for c in (0, 2)]
    assert np.abs(read(tmp_path / 'a_gradcam_0.jpg') - read(tmp_path / 'a_gradcam_2.jpg')).max() > 3


def test_detector(work, tmp_path, capsys):
    def picture(*options):
        call(work, 'retinanet', *options, out=tmp_path)
        text, path = capsys.readouterr().out.strip().split('\t')[1:]
        return text, read(path)

    text, plain = picture('--topk', 2, '--score-thr', 0.01)
    assert text.count(', ') == 1
    assert np.abs(picture('--topk', 2, '--score-thr', 0.01, '--no-norm-in-bbox')[1] - plain).max() > 3
    assert picture('--topk', 1, '--score-thr', 0.01)[0] == text.split(', ')[0]
    text, _ = picture('--score-thr', 0.9999)  # nothing is found: the best class
    assert ' 0.' not in text and text
    text, _ = picture('--score-thr', 0.01, '--target-category', 1, '--topk', 3)
    assert {part.rsplit(' ', 1)[0] for part in text.split(', ')} == {'bicycle'}


def test_weak_detector(work, tmp_path, capsys):
    call(work, 'oicr', '--score-thr', 0, '--topk', 1, out=tmp_path)
    grid = read(tmp_path / 'a_gradcam.jpg')
    boxes = np.array([[0, 0, 30, 30], [20, 10, 71, 47]], np.float32)
    store = ProposalStore.from_dict({'a': (boxes, np.ones(2, np.float32))})
    store.save(tmp_path / 'p.npz')
    call(work, 'oicr', '--score-thr', 0, '--topk', 1, '--proposals', tmp_path / 'p.npz', out=tmp_path)
    assert np.abs(read(tmp_path / 'a_gradcam.jpg') - grid).max() > 3
    call(work, 'oicr', '--stream', 'cls', '--target-category', 1, '--score-thr', 2, out=tmp_path)
    first = read(tmp_path / 'a_gradcam_1.jpg')
    call(work, 'oicr', '--target-category', 1, '--score-thr', 2, out=tmp_path)
    assert np.abs(read(tmp_path / 'a_gradcam_1.jpg') - first).max() > 3
    capsys.readouterr()
    with pytest.raises(SystemExit, match='b.png'):
        call(work, 'oicr', '--proposals', tmp_path / 'p.npz', image='pictures/b.png', out=tmp_path)


def test_preview(work, capsys):
    main([str(work / 'classifier/config.py'), 'none', '--preview-model'])
    out = capsys.readouterr().out
    assert 'head.fc\t' in out and 'without --target-layers: backbone[-1]' in out
    call(work, 'retinanet', '--preview-model')
    assert 'neck.fpn_convs.0\t' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--method', 'nocam'], "error: method='nocam': must be one of CAM"),
        (['--target-layers', 'backbone.layer9'], "error: no layer 'backbone.layer9' .*there are backbone"),
        (['--target-category', '7'], 'error: class 7: the model has classes 0 to 2'),
        (['--num-extra-tokens', '0'], 'goes with --vit-like'),
        (['--vit-like'], 'drop the reshape'),
        (['--topk', '0'], 'topk=0'),
        (['--fusion', 'sum'], "fusion='sum'"),
        (['--target-category', '0', '1', '--save-path', 'x.jpg'], '--save-path takes one picture'),
        (['--stream', 'mil'], 'stream'),
        (['--method', 'grad-cam:KPCA_CAM'], 'grad-cam'),
    ],
)
def test_mistakes_are_one_line(work, tmp_path, monkeypatch, options, message):
    monkeypatch.setitem(__import__('sys').modules, 'pytorch_grad_cam', None)
    with pytest.raises(SystemExit, match=message):
        call(work, 'classifier', *options, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_wrong_files(work, tmp_path):
    for arguments, message in (
        ([work / 'gone.jpg', work / 'classifier/config.py', 'none'], 'no image file'),
        ([work / 'pictures', work / 'gone.py', 'none'], 'gone.py does not exist'),
        ([work / 'pictures', work / 'classifier/config.py', work / 'gone.pth'], 'gone.pth does not exist'),
        ([work / 'pictures', work / 'classifier/config.py', work / 'oicr/weights.pth'], 'not one of this model'),
        ([work / 'classifier/config.py', 'none'], 'no images were given'),
    ):
        with pytest.raises(SystemExit, match=message):
            main([*map(str, arguments), '--out-dir', str(tmp_path)])
