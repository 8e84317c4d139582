"""``demo/cam_demo.py``: what it prints and draws, and what it says about mistakes."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from tests.models.detectors.cam_model import build_cam, picture
from wsod_mm.apis.cam_demo import localize_images, main
from wsod_mm.functional.box_rule import box_rule
from wsod_mm.visualization.cam_panel import cam_panel

CONFIG = dict(
    default_scope='wsod_mm',
    classes=('red', 'green', 'blue'),
    model=dict(
        type='CAMLocalizer',
        data_preprocessor=dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
        backbone=dict(type='ColourCells', cell=4),
        cam_head=dict(type='CAMHead', num_classes=3, in_channels=3),
        test_cfg=dict(cam_class='gt', cam_size='input', top1_instances=True),
    ),
    test_dataloader=dict(
        dataset=dict(
            type='ImageSubset',
            dataset=dict(
                type='WeakFolderDataset',
                pipeline=[
                    dict(type='LoadRGBImage'),
                    dict(type='ClassifierResize', size=64),
                    dict(type='PackWeakInputs'),
                ],
            ),
        )
    ),
)
PATCH = (72, 16, 88, 48)


@pytest.fixture
def files(tmp_path):
    Config(copy.deepcopy(CONFIG)).dump(tmp_path / 'cam.py')
    torch.save(dict(state_dict=build_cam().state_dict()), tmp_path / 'cam.pth')
    Image.fromarray(picture(64, 128, (2, *PATCH))).save(tmp_path / 'a.png')
    return [str(tmp_path / name) for name in ('a.png', 'cam.py', 'cam.pth')]


def test_command(files, tmp_path, capsys):
    main([*files, '--out-dir', str(tmp_path / 'out')])
    image, first, box, file = capsys.readouterr().out.splitlines()[-4:]
    assert image == files[0] and file.strip() == str(tmp_path / 'out/a_cam.jpg')
    assert first.startswith('2   blue   0.')
    np.testing.assert_allclose([int(v) for v in box.split()[1:5]], np.array(PATCH) - [0, 0, 1, 1], atol=4)
    strip = np.asarray(Image.open(tmp_path / 'out/a_cam.jpg'))
    assert strip.shape == (64, 4 * 128, 3)
    assert strip[32, 128 + 80].min() > 200 and strip[32, 128 + 20].max() < 30  # the grey heat map
    assert strip[32, 256 + 80].min() > 200
    main([*files, '--class-id', '0', '2', '--panel', str(tmp_path / 'two.png')])
    text = capsys.readouterr().out
    assert 'red' in text and 'no box' in text and 'blue' in text
    assert Image.open(tmp_path / 'two.png').size == (4 * 128, 2 * 64)
    main([str(tmp_path), *files[1:], '--out-dir', str(tmp_path / 'out2')])  # a folder
    assert sorted(p.name for p in (tmp_path / 'out2').iterdir()) == ['a_cam.jpg', 'two_cam.jpg']


def test_compat_blog_has_the_misplaced_box(files):
    (right,) = localize_images(files[1], files[2], files[0])
    (blog,) = localize_images(files[1], files[2], files[0], compat='blog')
    assert blog.rule == box_rule('blog', score='mean')
    box = blog.sample.pred_instances.bboxes[0]
    # columns 32 .. 96 of the image are stretched over all of it
    np.testing.assert_allclose(box, [80, 16, 111, 47], atol=6)
    np.testing.assert_allclose(right.sample.pred_instances.bboxes[0], [72, 16, 87, 47], atol=4)
    assert (right.image == np.asarray(Image.open(files[0]))).all() and right.classes == ['red', 'green', 'blue']


def test_a_photograph_is_turned_as_its_tag_asks(files, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.open(files[0]).save(tmp_path / 'b.jpg', exif=exif, quality=95)
    (found,) = localize_images(files[1], files[2], tmp_path / 'b.jpg')
    np.testing.assert_allclose(found.sample.pred_instances.bboxes[0], [40, 16, 55, 47], atol=4)
    assert found.image[32, 48, 2] > 200


def test_mistakes(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'bad.png').write_bytes(b'')
    other = copy.deepcopy(CONFIG)
    other['model']['type'] = 'ImageClassifier'
    Config(other).dump(tmp_path / 'other.py')
    for arguments, match in (
        (['absent.png', *files[1:]], 'absent.png'),
        (['bad.png', *files[1:]], 'bad.png'),
        ([*files[:2], 'absent.pth'], 'absent.pth'),
        (files[:1], 'no checkpoint in work_dirs/cam_r18'),
        ([*files, '--class-id', '3'], 'classes 0 to 2'),
        ([files[0], 'other.py', files[2]], 'not CAMLocalizer'),
        ([str(Path(files[0]).parent), *files[1:], '--panel', 'a.jpg'], '--out-dir'),
    ):
        with pytest.raises(SystemExit, match=match):
            main(arguments)


def test_panel():
    image, scoremap = picture(40, 50, (0, 0, 0, 50, 40)), np.zeros((40, 50))
    scoremap[10:20, 10:30] = 1
    strip = cam_panel(image, scoremap, box_rule('default'), np.array([[10, 10, 29, 19]]), ['red .9'])
    assert strip.shape == (40, 200, 3) and (strip[:, :50] == image).all()
    assert strip[15, 70].tolist() == [255] * 3 and (strip[:, 50:100] == strip[:, 100:150]).all()
    assert not (strip[:, 150:] == image).all()
    with pytest.raises(ValueError, match='pixels'):
        cam_panel(image, scoremap[:10], box_rule('default'), np.zeros((0, 4)))
