"""The report of made-up experiments: valid, self-contained, and it says what the folders say."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.active.experiment_case import CLASSES, PicturePool, write_experiment
from tests.visualization.page_reader import PageReader
from wsod_mm.active.class_counts import labeled_class_counts
from wsod_mm.active.plots import plot_learning_curves, strategy_colours
from wsod_mm.active.report import build_report
from wsod_mm.active.report_cli import report_main
from wsod_mm.active.results import CurvePoint, learning_curves, read_experiment
from wsod_mm.datasets.pools.counts import class_counts


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp('experiments')
    return [
        write_experiment(root / 'm0', 'MIAODStrategy', 0, finished=5),
        write_experiment(root / 'm1', 'MIAODStrategy', 1, finished=3),
        write_experiment(root / 'r0', 'RandomStrategy', 0, finished=5, gain=0.5),
        write_experiment(root / 'c0', 'CoreSetStrategy', 0, finished=0),
    ]


@pytest.fixture(scope='module')
def pool(tmp_path_factory):
    return PicturePool(tmp_path_factory.mktemp('pictures'))


def _parse(page):
    parser = PageReader(page)
    assert all(link.startswith('data:image/') for link in parser.links)
    assert not re.search(r'https?://(?!www\.w3\.org)', page)
    return parser, re.sub(r'\s+', ' ', ' '.join(parser.text))


def test_page_says_what_the_folders_say(folders, pool):
    experiments = [read_experiment(folder) for folder in folders]
    page = build_report(experiments, [pool] * 4, images=4)
    parser, text = _parse(page)
    assert 'experiments 4' in text and 'strategies 3' in text and 'images in the pool 60' in text
    curves = learning_curves(experiments)
    for point in curves['MIAOD'][:3]:
        assert f'{point.mean:.1f} ± {point.spread:.1f}' in text
    for point in curves['Random']:
        assert f'{point.mean:.1f}' in text
    for words in ('MIAOD, seed 1', 'cycle 3, train', 'done', 'cycle 0, train', '6 (10.0 %)', '2 runs', '0 runs'):
        assert words in text, words
    # 13 finished cycles of the four experiments, 4 pictures each, and the plot
    assert len(parser.links) == 13 * 4 + 1
    assert 'After cycle 0: 6 images, of which the first 4 are shown' in text
    for name in experiments[0].selected_names()[0][:4]:
        assert name in text
    # class counts: the last cycle of the first experiment, by hand
    labeled = experiments[0].labeled_ids()[4]
    for k, name in enumerate(CLASSES):
        images = int((labeled % 3 == k).sum())
        assert f'{images * (k + 1)} in {images}' in text and name in text


def test_page_without_pool(folders):
    experiments = [read_experiment(folder) for folder in folders]
    parser, text = _parse(build_report(experiments))
    assert len(parser.links) == 1 and 'Only names' in text and 'Classes among' not in text
    parser, text = _parse(build_report(experiments, images=0))
    assert 'Chosen images' not in text
    parser, text = _parse(build_report(experiments[3:]))
    assert parser.links == [] and 'No cycle is evaluated yet.' in text


def test_missing_files_do_not_stop_the_page(folders, tmp_path):
    pool = PicturePool(tmp_path / 'pictures')
    experiment = read_experiment(folders[0])
    for path in pool.paths:
        path.unlink()
    pool.instances = _no_annotation
    parser, text = _parse(build_report([experiment], [pool], images=2))
    assert len(parser.links) == 1 and text.count('gone') >= 10
    assert 'left out: no annotation of 3' in text


def _no_annotation(i):
    raise FileNotFoundError('no annotation of 3')


def test_wrong_arguments(folders):
    with pytest.raises(ValueError, match='no experiment'):
        build_report([])
    with pytest.raises(ValueError, match='4 experiments and 1 pools'):
        build_report([read_experiment(folder) for folder in folders], [None])


def test_annotations_are_read_once(folders, pool):
    asked = []

    def count(pool, ids):
        asked.extend(ids.tolist())
        return class_counts(pool, ids)

    experiment = read_experiment(folders[1])
    counts = labeled_class_counts(experiment, pool, count)
    labeled = experiment.labeled_ids()
    assert list(counts) == [0, 1, 2, 3] and sorted(asked) == labeled[3].tolist()
    for cycle, ids in labeled.items():
        assert counts[cycle] == class_counts(pool, ids)


def test_mixed_folders_are_found(tmp_path, pool):
    folder = write_experiment(tmp_path / 'a', 'MIAODStrategy', 0, finished=2)
    np.save(folder / 'X_L_1.npy', np.array([1]))
    with pytest.raises(ValueError, match=r'X_L_1.npy lacks images .* mixed'):
        labeled_class_counts(read_experiment(folder), pool)


def test_plot(folders, tmp_path):
    curves = learning_curves([read_experiment(folder) for folder in folders])
    path = plot_learning_curves(curves, tmp_path / 'curves.png')
    with Image.open(path) as image:
        pixels = np.asarray(image.convert('RGB')).reshape(-1, 3)
    colours = strategy_colours(list(curves))
    assert len(set(colours.values())) == 3
    for label in ('MIAOD', 'Random'):
        colour = [int(colours[label][i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == colour).all(axis=1).sum() > 200
    svg = plot_learning_curves({'A': [CurvePoint(5, None, (1.0,))]}, tmp_path / 'curves.svg').read_text()
    assert '<svg' in svg
    with pytest.raises(ValueError, match='nothing to draw'):
        plot_learning_curves({'A': []}, tmp_path / 'none.png')
    assert not (tmp_path / 'none.png').exists()


def test_command_line(folders, tmp_path, capsys):
    out = tmp_path / 'page.html'
    assert report_main([*map(str, folders), '--out', str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out) and 'no pictures; give one with --config' in printed.err
    _, text = _parse(out.read_text())
    assert 'MIAOD' in text and 'Random' in text
    labels = [word for name in ('lambda 0.5', 'lambda 0.5', 'lambda 1', 'lambda 2') for word in ('--label', name)]
    assert report_main([*map(str, folders), '--out', str(out), *labels, '--metric', 'pascal_voc/AP50']) == 0
    _, text = _parse(out.read_text())
    assert 'MIAOD' not in text and 'lambda 0.5 2 runs' in text
    value = read_experiment(folders[2], metric='pascal_voc/AP50').cycles[0].mAP
    assert f'{value:.1f}' in text
    capsys.readouterr()
    assert report_main([str(tmp_path)]) == 1
    assert 'give the work_dir' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        report_main([str(folders[0]), '--label', 'a', '--label', 'b'])
    assert 'as many --label' in capsys.readouterr().err


def test_pool_comes_from_the_configuration(folders, tmp_path, capsys):
    lists = tmp_path / 'VOC2007/ImageSets/Main'
    lists.mkdir(parents=True)
    pool = PicturePool(tmp_path / 'VOC2007/JPEGImages')
    (lists / 'trainval.txt').write_text(''.join(f'{path.stem}\n' for path in pool.paths))
    config = tmp_path / 'config.py'
    config.write_text(
        "dataset = dict(type='RepeatDataset', dataset=dict(type='PoolSubset', subset='labeled', ids=None, pool=dict(\n"
        f"    type='VOCPool', data_root={str(tmp_path)!r}, lists=['VOC2007/ImageSets/Main/trainval.txt'])))\n"
    )
    out = tmp_path / 'page.html'
    assert report_main([str(folders[0]), '--out', str(out), '--config', str(config), '--images', '1']) == 0
    parser, text = _parse(out.read_text())
    assert len(parser.links) == 5 + 1 and 'left out' in text  # there are no annotations
    config.write_text('a = 1\n')
    assert report_main([str(folders[0]), '--config', str(config)]) == 1
    assert 'no pool from --config' in capsys.readouterr().err


def test_absent_pool_is_said_not_fatal(tmp_path, capsys):
    folder = write_experiment(tmp_path / 'a', 'MIAODStrategy', 0, finished=1)
    (folder / 'config.py').write_text("x = dict(type='PoolSubset', pool=dict(type='VOCPool', data_root='gone'))\n")
    assert report_main([str(folder)]) == 0
    assert 'no pictures (' in capsys.readouterr().err and (folder / 'report.html').is_file()
