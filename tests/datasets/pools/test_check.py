"""The check of what is there."""

import runpy
import sys
from pathlib import Path

import pytest

from wsod_mm.datasets.pools.check import VOC_COUNTS, check_lists, main

TOOL = Path(__file__).resolve().parents[3] / 'tools/check_pool.py'


@pytest.fixture
def complete(years):
    years[0].image('t')
    years[0].xml('t', [('cat', 0, (1, 1, 5, 5))])
    years[0].split('test', ['t'])
    return years


def check(kit, capsys, *options):
    status = main([str(kit.root), *options])
    return status, capsys.readouterr().out


def test_complete(complete, capsys):
    status, text = check(complete[0], capsys)
    assert status == 0 and text.endswith('complete\n') and 'not complete' not in text
    for n, total in ((3, 5011), (2, 11540), (1, 4952)):
        assert f'{n} images (the original has {total})' in text
    assert 'boxes' not in text


def test_original_counts(tmp_path, capsys):
    from .conftest import Year

    assert sorted(VOC_COUNTS.values()) == [4952, 5011, 11540]
    Year(tmp_path, 'VOC2007').split('test', [str(i) for i in range(4952)])
    status = main([str(tmp_path), '--lists', 'VOC2007/ImageSets/Main/test.txt'])
    text = capsys.readouterr().out
    assert status == 1 and 'test.txt: 4952 images, as in the original' in text and '4952 images are missing' in text


def test_says_what_is_missing(complete, capsys):
    old, new = complete
    (old.voc / 'JPEGImages/000005.jpg').unlink()
    (old.voc / 'Annotations/000009.xml').unlink()
    (new.voc / 'ImageSets/Main/trainval.txt').unlink()
    status, text = check(old, capsys)
    assert status == 1 and 'not complete' in text
    assert '1 images are missing:' in text and '000005.jpg' in text
    assert '1 images have no annotation' in text and '000009.xml' in text
    assert 'no image set' in text and 'VOC2012' in text


def test_images_without_annotation_are_no_error(complete, capsys):
    (complete[0].voc / 'Annotations/000009.xml').unlink()
    for options in ((), ('--annotations', '--classes', 'cat', 'dog')):
        status, text = check(complete[0], capsys, *options)
        assert status == 0 and 'can be selected, but not be trained on with labels' in text


def test_annotations_are_opened_on_demand(complete, capsys):
    options = ('--classes', 'cat', 'dog')
    (complete[0].voc / 'Annotations/000009.xml').write_text('<annotation>')
    complete[0].xml('t', [('cat', 0, (5, 5, 5, 5))])
    (complete[1].voc / 'JPEGImages/2008_000001.jpg').write_bytes(b'no image')
    assert check(complete[0], capsys, *options)[0] == 0
    status, text = check(complete[0], capsys, '--annotations', *options)
    assert status == 1 and '5 boxes in 2 images; 0 images too small' in text
    assert '000009.xml is not valid XML' in text and 'no area' in text and 'no readable image header' in text
    assert '1 images too small' in text


def test_pools_of_a_config(coco, tmp_path, capsys):
    pool = coco(images=[(7, '7.jpg'), (8, '8.jpg')], annotations=[dict(image_id=7, category_id=1, bbox=[1, 1, 5, 5])])
    subset = dict(type='PoolSubset', pool=dict(type='CocoPool', **pool), subset='labeled')
    loader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=subset))
    path = tmp_path / 'config.py'
    path.write_text(f'train_dataloader = {loader!r}\nunlabeled = dict(x=[{subset!r}])\n')
    assert main(['--config', str(path), '--annotations']) == 0
    text = capsys.readouterr().out
    assert text.count('train.json: 2 images; 1 boxes in 1 images') == 1
    (tmp_path / 'img/7.jpg').unlink()
    assert main(['--config', str(path)]) == 1
    assert '1 images are missing' in capsys.readouterr().out
    path.write_text('x = 1\n')
    assert main(['--config', str(path)]) == 1
    assert 'error: ' in capsys.readouterr().out


def test_pool_object(complete):
    from wsod_mm.datasets import VOCPool

    reports = check_lists(VOCPool(str(complete[0].root), check_files=False))
    assert [report.listed for report in reports] == [3, 2] and all(report.complete for report in reports)


def test_usage():
    for arguments in ([], ['x', '--config', 'y']):
        with pytest.raises(SystemExit, match='2'):
            main(arguments)


def test_tool(complete, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['check_pool.py', str(complete[0].root)])
    with pytest.raises(SystemExit, match='0'):
        runpy.run_path(str(TOOL), run_name='__main__')
    assert capsys.readouterr().out.endswith('complete\n')
