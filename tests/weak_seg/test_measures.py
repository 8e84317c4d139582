"""Evaluation of folders made by hand, objects of label maps, COCO's forms, files of instances."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from wsod_mm.datasets.cam_file import CamMaps, write_cams
from wsod_mm.datasets.instance_file import InstanceArrays, read_instances, write_instances
from wsod_mm.pipeline.run import StageRun
from wsod_mm.utils.label_png import write_label_png
from wsod_mm.weak_seg.coco_instances import coco_annotations, coco_results
from wsod_mm.weak_seg.config import load_weak_seg_config
from wsod_mm.weak_seg.image_lists import ImageLists
from wsod_mm.weak_seg.image_record import ImageRecord
from wsod_mm.weak_seg.stages.evaluate import evaluate_stage, true_objects

from .tiny import write_configs

TRUTH = np.zeros((6, 6), np.uint8)
TRUTH[:3, :3], TRUTH[4:, 4:], TRUTH[0, 5] = 1, 3, 255


@pytest.fixture
def config(tmp_path):
    path = write_configs(tmp_path / 'configs', tmp_path / 'data')
    folder = tmp_path / 'data' / 'VOC2007'
    write_label_png(folder / 'SegmentationClass' / 'a.png', TRUTH)
    objects = np.zeros((6, 6), np.uint8)
    objects[:3, :2], objects[:3, 2], objects[4:, 4:], objects[5, 0], objects[0, 5] = 1, 2, 3, 4, 255
    write_label_png(folder / 'SegmentationObject' / 'a.png', objects)
    return path


def load(path, **changes):
    return load_weak_seg_config(path, {f'weak_seg.{key}': value for key, value in changes.items()})


def test_a_class_that_is_never_predicted_has_no_overlap_and_one_that_is_not_there_no_number(config, tmp_path):
    config, root = load(config, irn=None, affinitynet=None), tmp_path / 'work'
    record = ImageRecord('a', 'a.jpg', (0, 2))
    lists = {name: ('a',) for name in ('train', 'infer', 'eval')}
    ImageLists(config.classes, {'a': record}, lists).write(root / 'images' / 'images.json')
    cams = np.stack([TRUTH == 1, TRUTH == 9]).astype(np.float32)  # nothing of class 3
    write_cams(root / 'cam' / 'maps' / 'a.npz', CamMaps(np.array([0, 2]), cams))
    write_label_png(root / 'cam_crf' / 'masks' / 'a.png', np.zeros((6, 6), np.uint8))
    stage = evaluate_stage(config)
    assert stage.needs == ('cam', 'cam_crf')
    (root / 'evaluate').mkdir()
    stage.action(StageRun('evaluate', root))
    metrics = json.loads((root / 'evaluate' / 'metrics.json').read_text())
    cam, crf = metrics['sources']
    assert cam['iou'][1] == 100 and cam['iou'][3] == 0 and cam['iou'][2] is None
    assert cam['iou'][0] == pytest.approx(100 * 22 / 26) and cam['mIoU'] == pytest.approx((100 * 22 / 26 + 100) / 3)
    assert crf['iou'][:4] == [pytest.approx(100 * 22 / 35), 0, None, 0] and metrics['instances'] is None


def test_objects_have_the_class_of_most_of_their_pixels(config):
    masks, labels = true_objects(load(config), 'a')
    assert labels.tolist() == [0, 0, 2] and masks.sum((1, 2)).tolist() == [6, 3, 4]  # object 4 is background
    names = ('owl', 'x', 'bear', 'cat', 'goat', 'duck', 'parrot')
    # label 1 is the owl there, label 3 the bear
    masks, labels = true_objects(load(config, **{'ground_truth.classes': names}), 'a')
    assert labels.tolist() == [4, 4, 0]


def test_instances_in_the_forms_of_coco():
    masks = np.zeros((2, 5, 7), bool)
    masks[0, 1:3, 2:6], masks[1, 0, 0] = True, True
    instances = InstanceArrays(np.array([0.5, 0.0], np.float32), np.array([4, 1]), masks)
    results = coco_results('a', instances)
    assert [r['category_id'] for r in results] == [5, 2] and results[0]['bbox'] == [2, 1, 4, 2]
    assert json.loads(json.dumps(results))[0]['score'] == 0.5
    np.testing.assert_array_equal(coco_mask.decode(results[0]['segmentation']), masks[0])
    (annotation,) = coco_annotations(3, instances)  # without the one that has no score
    assert annotation['image_id'] == 3 and annotation['area'] == 8 and annotation['iscrowd'] == 0


def test_files_of_instances(tmp_path):
    path = tmp_path / 'a.npz'
    none = InstanceArrays(np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros((0, 3, 4), bool))
    some = InstanceArrays(np.array([0.5]), np.array([2]), np.ones((1, 3, 4), bool))
    for instances in (none, some):
        write_instances(path, instances)
        for mine, theirs in zip(read_instances(path), instances, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match='a.npz holds no instances .* delete it'):
        read_instances(path)
    with pytest.raises(FileNotFoundError, match='no instances'):
        read_instances(tmp_path / 'b.npz')
    with pytest.raises(ValueError, match=r'expected scores \[R\]'):
        write_instances(path, some._replace(scores=np.zeros(2)))
