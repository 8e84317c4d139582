"""What the model gets."""

import numpy as np
import pytest
import torch

from wsod_mm.datasets.transforms import PackWeakInputs

INSTANCES = [
    dict(bbox=[1, 2, 3, 4], bbox_label=2, ignore_flag=0),
    dict(bbox=[5, 6, 7, 8], bbox_label=0, ignore_flag=1),
]


def sample(**kwargs):
    image = np.random.RandomState(0).randint(0, 256, (5, 7, 3), np.uint8)
    return dict(
        img=image,
        img_id='7',
        img_path='x/7.jpg',
        img_shape=(5, 7),
        image_labels=[0, 2],
        num_classes=4,
        **kwargs,
    )


def test_image_and_labels():
    results = sample()
    packed = PackWeakInputs()(results)
    assert packed['inputs'].dtype == torch.uint8 and packed['inputs'].is_contiguous()
    np.testing.assert_array_equal(packed['inputs'].numpy(), results['img'].transpose(2, 0, 1))
    label = packed['data_samples'].gt_label
    assert label.score.dtype == torch.float32 and label.score.tolist() == [1, 0, 1, 0]
    assert 'weight' not in label and 'proposals' not in packed['data_samples']
    assert packed['data_samples'].metainfo == dict(img_id='7', img_path='x/7.jpg', img_shape=(5, 7))


def test_ignored_classes_get_weight_zero():
    label = PackWeakInputs()(sample(ignore_labels=[3]))['data_samples'].gt_label
    assert label.weight.tolist() == [1, 1, 1, 0] and not torch.isnan(label.score).any()


def test_boxes_leave_in_training_whatever_carries_them():
    carriers = dict(
        instances=INSTANCES,
        gt_bboxes=np.ones((1, 4)),
        gt_bboxes_labels=np.ones(1),
        gt_ignore_flags=np.zeros(1, bool),
    )
    for extra in (dict(test_mode=False), {}):
        packed = PackWeakInputs()(sample(**carriers, **extra))
        assert set(packed) == {'inputs', 'data_samples'}
        assert set(packed['data_samples'].keys()) == {'gt_label'}
    with pytest.raises(ValueError, match='with_boxes=True.*training'):
        PackWeakInputs(with_boxes=True)(sample(**carriers, test_mode=False))


def test_boxes_are_packed_for_metrics_at_test():
    packed = PackWeakInputs()(sample(instances=INSTANCES, test_mode=True))['data_samples']
    assert packed.gt_instances.bboxes.tolist() == [[1, 2, 3, 4]]
    assert packed.gt_instances.labels.tolist() == [2]
    assert packed.ignored_instances.bboxes.tolist() == [[5, 6, 7, 8]]
    none = PackWeakInputs()(sample(instances=[], test_mode=True))['data_samples']
    assert none.gt_instances.bboxes.shape == none.ignored_instances.bboxes.shape == (0, 4)
    hidden = PackWeakInputs(with_boxes=False)(sample(instances=INSTANCES, test_mode=True))
    assert 'gt_instances' not in hidden['data_samples']


def test_missing_labels():
    bare = sample()
    del bare['image_labels']
    with pytest.raises(ValueError, match="image '7'.*without image_labels.*Weak"):
        PackWeakInputs()(dict(bare))
    assert 'gt_label' not in PackWeakInputs()(dict(bare, test_mode=True))['data_samples']
    given = sample()
    del given['num_classes']
    assert len(PackWeakInputs(num_classes=5)(given)['data_samples'].gt_label.score) == 5
