"""All stages of both methods on a few images: what they write, odd images, single stages, changed settings."""

import json
import os
import shutil

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.instance_file import read_instances
from wsod_mm.datasets.soft_label_file import read_soft_labels
from wsod_mm.ops.dense_crf import resolve_crf_backend
from wsod_mm.pipeline import StageError
from wsod_mm.utils.label_png import read_label_png
from wsod_mm.weak_seg.config import load_weak_seg_config
from wsod_mm.weak_seg.image_lists import ImageLists
from wsod_mm.weak_seg.pipeline import weak_seg_stages
from wsod_mm.weak_seg.results import WeakSegResults

from .tiny import CLASSES, IMAGE_STAGES, patch_commands, run_tiny

ALL = (
    *('images', 'classifier', 'cam', 'cam_crf', 'crf_labels', 'ir_labels', 'affinity', 'irn', 'walk'),
    *('sem_seg', 'ins_seg', 'export', 'evaluate', 'report'),
)


@pytest.fixture
def copy(finished, tmp_path, monkeypatch):
    """The config, a copy of the work folder that may be changed, and a list of the tools that are run."""
    shutil.copytree(finished.root, tmp_path / 'work', symlinks=True)
    return finished.config, tmp_path / 'work', patch_commands(monkeypatch)


def test_every_stage_leaves_its_files(finished):
    images = ImageLists.read(finished.root / 'images' / 'images.json')
    assert len(images.lists['train']) == 9 and len(images.lists['infer']) == 14
    assert set(finished.calls) == {*IMAGE_STAGES, 'classifier', 'affinity', 'irn'}
    assert {p.name for p in finished.root.iterdir()} == set(ALL)
    folders = {'train': ('crf_labels/maps', 'ir_labels/masks'), 'infer': ('cam/maps', 'cam_crf/masks', 'walk/masks')}
    folders['infer'] += ('sem_seg/masks', 'sem_seg/boundary', 'ins_seg/instances')
    for name, paths in folders.items():
        for path in paths:
            assert {p.stem for p in (finished.root / path).iterdir()} == set(images.lists[name]), path
    for record in images.of(['infer']):
        width, height = Image.open(record.img_path).size  # as stored, whatever EXIF says
        maps = read_cams(finished.root / 'cam' / 'maps' / f'{record.img_id}.npz')
        assert tuple(maps.keys) == record.labels and maps.cams.shape == (len(record.labels), height, width)
        assert maps.low.shape[1:] == (-(-height // 4), -(-width // 4)) and np.isfinite(maps.cams).all()
        allowed = {0, *(label + 1 for label in record.labels)}
        for stage in ('cam_crf', 'walk', 'sem_seg'):
            label = read_label_png(finished.root / stage / 'masks' / f'{record.img_id}.png')
            assert label.shape == (height, width) and set(np.unique(label)) <= allowed
        boundary = WeakSegResults(finished.root).boundary(record.img_id)
        assert boundary.shape == maps.low.shape[1:] and 0 <= boundary.min() <= boundary.max() <= 1
        instances = read_instances(finished.root / 'ins_seg' / 'instances' / f'{record.img_id}.npz')
        assert instances.masks.shape[1:] == (height, width) and set(instances.labels) <= set(record.labels)


def test_an_image_without_labels_is_background(finished):
    maps = read_soft_labels(finished.root / 'crf_labels' / 'maps' / 'background.npz')
    assert maps.low.shape == (1, 33, 50) and (maps.low == 1).all() and maps.crf_backend == resolve_crf_backend()
    for stage in ('cam_crf', 'ir_labels', 'walk', 'sem_seg'):
        assert not read_label_png(finished.root / stage / 'masks' / 'background.png').any(), stage
    assert not len(read_instances(finished.root / 'ins_seg' / 'instances' / 'background.npz').scores)


def test_instances_of_all_images_as_coco_results(finished):
    results = json.loads((finished.root / 'ins_seg' / 'instances.json').read_text())
    pixel = [entry for entry in results if entry['image_id'] == 'pixel']
    assert all(entry['category_id'] == CLASSES.index('goat') + 1 for entry in pixel)
    assert all(entry['segmentation']['size'] == [1, 1] for entry in pixel)
    for entry in results:
        file = read_instances(finished.root / 'ins_seg' / 'instances' / f'{entry["image_id"]}.npz')
        assert entry['category_id'] - 1 in file.labels and np.float32(entry['score']) in file.scores


def test_numbers(finished):
    metrics = json.loads((finished.root / 'evaluate' / 'metrics.json').read_text())
    assert [source['key'] for source in metrics['sources']] == ['cam', 'cam_crf', 'walk', 'sem_seg']
    assert metrics['num_images'] == 14 and metrics['crf_backend'] == resolve_crf_backend()
    for source in metrics['sources']:
        assert source['classes'] == ['background', *CLASSES] and len(source['iou']) == 7
        assert 0 <= source['mIoU'] <= 100 and source['name']
    assert [entry['threshold'] for entry in metrics['cam_sweep']] == [0, 0.2, 0.4, 0.6]
    assert metrics['cam_sweep'][1]['mIoU'] == metrics['sources'][0]['mIoU']
    assert metrics['cam_best']['mIoU'] == max(entry['mIoU'] for entry in metrics['cam_sweep'])
    assert {'AP50', 'AP70', 'AP50_classes'} <= metrics['instances'].keys()
    assert sum(metrics['instances']['num_positive']) >= 14


def test_folder_for_mmsegmentation(finished):
    export = finished.root / 'export'
    example = Config.fromfile(str(export / 'mmseg_dataset.py'))
    assert example.metainfo.classes == ('background', *CLASSES) and example.train_dataset.img_suffix == '.jpg'
    ids = (export / 'splits' / 'infer.txt').read_text().split()
    assert len(ids) == 14 and len((export / 'splits' / 'train.txt').read_text().split()) == 9
    for img_id in ids:
        for source in ('cam_crf', 'walk', 'sem_seg'):
            label = read_label_png(export / 'ann_dir' / source / f'{img_id}.png')
            with Image.open(export / 'img_dir' / f'{img_id}.jpg') as picture:
                assert picture.size == label.shape[::-1] and picture.getexif().get(0x0112, 1) == 1
    coco = json.loads((export / 'instances_infer.json').read_text())
    assert [category['id'] for category in coco['categories']] == [1, 2, 3, 4, 5, 6] and len(coco['images']) == 14
    assert all(entry['score'] > 0 and entry['area'] > 0 for entry in coco['annotations'])


def test_nothing_is_done_twice_and_a_stage_alone_brings_what_it_needs(copy):
    config, root, calls = copy
    assert set(run_tiny(config, root)) == set(ALL) and not calls
    for name in ('cam', 'walk', 'affinity'):
        shutil.rmtree(root / name)
    done = run_tiny(config, root, ['cam_crf'])
    assert set(done) == {'images', 'classifier', 'cam', 'cam_crf'} and calls == ['cam', 'cam_crf']


def test_a_changed_setting_repeats_what_depends_on_it(copy):
    config, root, calls = copy
    before = (root / 'sem_seg' / 'masks' / 'large.png').read_bytes()
    run_tiny(config, root, **{'irn.background': 0.9})
    assert calls == ['sem_seg', 'ins_seg']
    assert (root / 'sem_seg' / 'masks' / 'large.png').read_bytes() != before


@pytest.mark.parametrize(
    ('change', 'stages'),
    [
        ({'cam.background': 0.3}, 'evaluate report'),
        ({'ground_truth.other': 'background'}, 'evaluate report'),
        ({'cam_crf.alpha': 8}, 'cam_crf export evaluate report'),
        ({'affinitynet.alpha': 8}, 'walk export evaluate report'),
        ({'affinitynet.final_crf': True}, 'walk export evaluate report'),
        ({'affinitynet.low_alpha': 2}, 'crf_labels affinity walk export evaluate report'),
        ({'irn.drop_zero': True}, 'ins_seg export evaluate report'),
        ({'irn.foreground_thr': 0.5}, 'ir_labels irn sem_seg ins_seg export evaluate report'),
        (
            {'crf.iterations': 5},
            'cam_crf crf_labels ir_labels affinity irn walk sem_seg ins_seg export evaluate report',
        ),
        ({'seed': 3}, ' '.join(ALL[1:])),
        ({'cam.scales': (1.0,)}, ' '.join(ALL[2:])),
        # other images: those that are new are added
        ({'lists.infer': 'VOC2007/ImageSets/Segmentation/train.txt'}, 'images export evaluate report'),
    ],
)
def test_what_each_stage_depends_on(finished, change, stages):
    def keys(**options):
        found = {}
        for stage in weak_seg_stages(load_weak_seg_config(finished.config, options)):
            found[stage.name] = stage.key(found)
        return found

    base, other = keys(), keys(**{f'weak_seg.{key}': value for key, value in change.items()})
    assert list(base) == list(ALL)
    assert {name for name in ALL if base[name] != other[name]} == set(stages.split())


def test_a_longer_list_adds_files(finished, tmp_path, monkeypatch):
    calls = patch_commands(monkeypatch)
    data, root = tmp_path / 'data', tmp_path / 'work'
    shutil.copytree(finished.data_root, data)
    lists = data / 'VOC2007' / 'ImageSets' / 'Segmentation'
    whole = (lists / 'odd.txt').read_text()
    (lists / 'odd.txt').write_text((lists / 'train.txt').read_text())
    change = {'images.data_root': str(data), 'irn': None, 'affinitynet': None}
    run_tiny(finished.config, root, **change)
    assert calls == ['classifier', 'cam', 'cam_crf']
    times = {p: p.stat().st_mtime_ns for p in (root / 'cam' / 'maps').iterdir()}
    (lists / 'odd.txt').write_text(whole)
    run_tiny(finished.config, root, **change)
    assert {p for p in times if p.stat().st_mtime_ns != times[p]} == set() and len(times) == 9
    assert len(list((root / 'cam_crf' / 'masks').iterdir())) == 14


def test_a_damaged_cam_file_is_named_and_made_again_when_deleted(copy):
    config, root, calls = copy
    path = root / 'cam' / 'maps' / 'cmyk.npz'
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(StageError, match=rf"image 'cmyk' \(.*cmyk\.jpg\): {path} holds no CAMs .* delete it"):
        run_tiny(config, root, ['cam_crf'], **{'cam_crf.alpha': 8})
    assert calls == ['cam_crf'] and len(os.listdir(root / 'cam_crf' / 'masks')) == 13  # the others are done
    path.unlink()
    run_tiny(config, root, ['cam_crf'], **{'cam_crf.alpha': 8})
    assert calls == ['cam_crf', 'cam', 'cam_crf']
    assert path.read_bytes() == good and len(os.listdir(root / 'cam_crf' / 'masks')) == 14


def test_a_training_that_is_done_again_for_new_images_ends_at_once(copy):
    config, root, calls = copy
    weights = root / 'affinity' / 'run' / 'epoch_1.pth'
    before = weights.read_bytes()
    next((root / 'crf_labels' / 'maps').iterdir()).unlink()
    run_tiny(config, root, ['affinity'])
    assert calls == ['crf_labels', 'affinity'] and weights.read_bytes() == before
    assert len(os.listdir(root / 'crf_labels' / 'maps')) == 9
