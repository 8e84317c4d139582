"""The pipelines of the configs on disk: multi-scale, ten views, and that no box leaks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import DefaultScope

from wsod_mm.registry import DATASETS, TRANSFORMS

BASE = Path(__file__).resolve().parents[2] / 'configs' / '_base_'
TRAIN = 'VOC2007/ImageSets/Main/train.txt'


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('wsod_mm'):
        yield


def dataset(kit, split, **kwargs):
    cfg = Config.fromfile(BASE / 'datasets/voc07_weak.py')[f'{split}_dataloader'].dataset
    cfg.update(
        data_root=str(kit.root),
        ann_file=TRAIN,
        proposal_file='p.npz',
        metainfo=dict(classes=('cat', 'dog')),
        **kwargs,
    )
    return DATASETS.build(cfg)


def tensors(value, found=None):
    """Every tensor and array inside of a packed sample, with the path to it."""
    found = {} if found is None else found

    def walk(item, path):
        if isinstance(item, (torch.Tensor, np.ndarray)):
            found[path] = item
        elif isinstance(item, dict):
            for key, part in item.items():
                walk(part, f'{path}.{key}')
        elif hasattr(item, 'all_items'):
            for key, part in item.all_items():
                walk(part, f'{path}.{key}')

    walk(value, '')
    return found


@pytest.mark.parametrize('name', ['voc07', 'voc12', 'voc0712', 'coco'])
def test_configs_build_their_pipelines(name):
    cfg = Config.fromfile(BASE / f'datasets/{name}_weak.py')
    train = cfg.train_dataloader.dataset
    for part in (*train.get('datasets', [train]), cfg.test_dataloader.dataset):
        steps = [TRANSFORMS.build(step) for step in part.pipeline]
        assert type(steps[-1]).__name__ == 'PackWeakInputs'
        assert DATASETS.get(part.type) is not None
    resize = TRANSFORMS.build(train.get('datasets', [train])[0].pipeline[2]).transforms.transforms[1]
    assert resize.short_sides == [480, 576, 688, 864, 1200] and resize.max_size == 2000
    assert not cfg.train_dataloader.dataset.get('filter_cfg')


def test_training_samples_hold_labels_and_proposals_and_no_box(devkit):
    data = dataset(devkit, 'train')
    assert len(data) == 1  # the image with only a difficult object and the empty one are gone
    shapes = set()
    for _ in range(12):
        packed = data[0]
        sample = packed['data_samples']
        assert set(sample.keys()) == {'gt_label', 'proposals'}
        assert sample.gt_label.score.tolist() == [1, 0]
        shapes.add((tuple(sample.img_shape), sample.flip))
        # the XML box of the cat is [0, 0, 59, 39]; no proposal is, so it must not appear anywhere
        factor = sample.scale_factor[0]
        for path, value in tensors(packed).items():
            if value.shape[-1:] == (4,):
                boxes = torch.as_tensor(value) / factor
                assert (boxes - torch.tensor([0, 0, 59, 39.0])).abs().amax(-1).min() > 5, path
    assert len(shapes) > 3 and min(s[0][0] for s in shapes) in (480, 576)


def test_training_is_the_same_when_boxes_change(devkit):
    def draw():
        np.random.seed(5)
        return tensors(dataset(devkit, 'train')[0])

    before = draw()
    devkit.xml('1', [('cat', 0, (7, 8, 9, 10)), ('cat', 0, (2, 2, 4, 4)), ('dog', 1, (1, 1, 2, 2))])
    after = draw()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize('how', ['emptied', 'removed'])
@pytest.mark.parametrize('views', ['one', 'ten'])
def test_test_inputs_do_not_depend_on_annotations(devkit, how, views):
    pipeline = {} if views == 'one' else dict(pipeline=Config.fromfile(BASE / 'tta/ten_view.py').tta_pipeline)

    def load(**kwargs):
        data = dataset(devkit, 'test', **pipeline, **kwargs)
        packed = [data[i] for i in range(3)]
        return [
            (p['inputs'], p['data_samples']) if views == 'ten' else ([p['inputs']], [p['data_samples']]) for p in packed
        ]

    before = load()
    assert len(before) == 3 and 'gt_instances' in before[0][1][0]
    if how == 'emptied':
        for name in '123':
            devkit.xml(name)
        after = load()
    else:
        for path in (devkit.voc / 'Annotations').iterdir():
            path.unlink()
        after = load(label_source='none')
        assert 'gt_instances' not in after[0][1][0]
    for (images, samples), (images2, samples2) in zip(before, after, strict=True):
        assert len(images) == len(images2) == (1 if views == 'one' else 10)
        assert all(torch.equal(a, b) for a, b in zip(images, images2, strict=True))
        for a, b in zip(samples, samples2, strict=True):
            assert len(a.proposals) == 3 and torch.equal(a.proposals.bboxes, b.proposals.bboxes)
            assert str(a.metainfo) == str(b.metainfo)


def test_ten_views_hold_the_same_proposals_in_the_same_order(devkit):
    data = dataset(devkit, 'test', pipeline=Config.fromfile(BASE / 'tta/ten_view.py').tta_pipeline)
    samples = data[0]['data_samples']
    assert len({(s.flip, s.img_shape) for s in samples}) == 10
    original = torch.as_tensor(data.get_data_info(0)['proposals']['bboxes'])
    for sample in samples:
        inverse = np.linalg.inv(sample.homography_matrix)
        corners = sample.proposals.bboxes.numpy().reshape(-1, 2)
        back = (np.c_[corners, np.ones(len(corners))] @ inverse.T)[:, :2].reshape(-1, 4)
        if sample.flip:
            back = back[:, [2, 1, 0, 3]]
        np.testing.assert_allclose(back, original, atol=2e-3)
        assert torch.equal(sample.gt_instances.bboxes, samples[0].gt_instances.bboxes)


def test_real_photographs_through_both_pipelines(shared_data, tmp_path):
    from wsod_mm.proposals.store import ProposalStore

    root = shared_data / 'voc2012_20cls_native'
    train_ids, test_ids = ((root / f'VOC2007/ImageSets/Main/{s}.txt').read_text().split() for s in ('train', 'test'))
    boxes = np.array([[0, 0, 99, 99], [20, 10, 150, 140], [30, 30, 90, 180]], np.float32)
    store = ProposalStore.from_dict({i: (boxes, None) for i in train_ids + test_ids}, {})
    store.save(tmp_path / 'p.npz')
    cfg = Config.fromfile(BASE / 'datasets/voc07_weak.py')
    common = dict(data_root=str(root), proposal_file=str(tmp_path / 'p.npz'))
    train = DATASETS.build({**cfg.train_dataloader.dataset, **common, 'ann_file': TRAIN})
    test = DATASETS.build({**cfg.test_dataloader.dataset, **common})
    for data, ids in ((train, train_ids), (test, test_ids)):
        for i in range(0, len(data), 10):
            packed = data[i]
            assert packed['data_samples'].img_id in ids and len(packed['data_samples'].proposals) == 3
            assert min(packed['inputs'].shape[1:]) in (480, 576, 688, 864, 1200)
            assert packed['data_samples'].gt_label.score.sum() >= 1
            assert ('gt_instances' in packed['data_samples']) == (data is test)


def test_samples_collate_and_reach_a_detector_without_boxes(devkit):
    from mmdet.models.data_preprocessors import DetDataPreprocessor
    from mmengine.dataset import pseudo_collate

    batch = pseudo_collate([dataset(devkit, 'train')[0] for _ in range(2)])
    out = DetDataPreprocessor(mean=[102.9801, 115.9465, 122.7717], std=[1, 1, 1])(batch, training=True)
    assert len(out['inputs']) == 2
    for sample in out['data_samples']:
        assert 'gt_instances' not in sample and 'ignored_instances' not in sample


def test_pipeline_is_reproducible_from_the_numpy_seed(devkit):
    data = dataset(devkit, 'train')
    pipeline = Compose([TRANSFORMS.build(dict(type='SSDPhotometricDistortion'))])

    def draw(seed):
        np.random.seed(seed)
        return torch.as_tensor(pipeline(dict(img=data[0]['inputs'].permute(1, 2, 0).numpy()))['img'])

    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))
