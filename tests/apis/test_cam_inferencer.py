"""Boxes, masks and heat maps from Python."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image

from wsod_mm.apis import CAMInferencer
from wsod_mm.apis.config import UsageError
from wsod_mm.apis.image_pipeline import ImagePipeline
from wsod_mm.apis.model_loading import class_names, load_model
from wsod_mm.functional.scoremap_boxes import boxes_from_scoremap
from wsod_mm.models.detectors import CAMLocalizer  # noqa: F401
from wsod_mm.registry import MODELS
from wsod_mm.utils.checkpoint_io import CheckpointError

RESIZE = dict(type='ShortSideResize', short_sides=32, max_size=64)
PIPELINE = [dict(type='LoadWeakImage'), RESIZE, dict(type='PackWeakInputs')]


def config_of(kind: str, loss: str = 'ce', **model) -> Config:
    """A small classifier or localiser of three classes."""
    head = dict(num_classes=3, in_channels=6, loss=loss)
    parts = dict(channels=(4, 6), strides=(2, 2), depths=(1, 1), dilations=(1, 1), out_indices=(0, 1))
    model = dict(
        type=kind,
        data_preprocessor=dict(type='DetDataPreprocessor', mean=[127.0] * 3, std=[60.0] * 3, pad_size_divisor=16),
        backbone=dict(type='MiniCNN', **parts),
        **model,
    )
    model['head' if kind == 'ImageClassifier' else 'cam_head'] = dict(
        head, type='GAPClsHead' if kind == 'ImageClassifier' else 'CAMHead'
    )
    dataset = dict(type='WeakFolderDataset', metainfo=dict(classes=('bear', 'cat', 'owl')), pipeline=PIPELINE)
    return Config(dict(default_scope='wsod_mm', model=model, test_dataloader=dict(dataset=dict(dataset=dataset))))


def save(config: Config, folder, seed: int = 0) -> tuple[str, str]:
    """Files of the config and of random weights."""
    torch.manual_seed(seed)
    model = MODELS.build(config.model)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.5
    config.dump(folder / 'config.py')
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'weights.pth')
    return str(folder / 'config.py'), str(folder / 'weights.pth')


@pytest.fixture(scope='module')
def localizer(tmp_path_factory):
    return save(config_of('CAMLocalizer', test_cfg=dict(box_preset='cvpr16')), tmp_path_factory.mktemp('localizer'))


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    return save(config_of('ImageClassifier', 'bce'), tmp_path_factory.mktemp('classifier'))


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """Files and arrays of three images of several shapes."""
    folder = tmp_path_factory.mktemp('pictures')
    rng = np.random.default_rng(0)
    arrays = []
    for name, size in (('a', (40, 60)), ('b', (50, 30)), ('c', (33, 33))):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        arrays.append(np.asarray(coarse.resize(size[::-1], Image.Resampling.BICUBIC)))
        Image.fromarray(arrays[-1]).save(folder / f'{name}.png')
    return folder, arrays


def test_same_as_the_localizer(localizer, pictures):
    folder, arrays = pictures
    infer = CAMInferencer(*localizer)
    assert infer.classes == ('bear', 'cat', 'owl')
    paths = [folder / f'{name}.png' for name in 'abc']
    boxes, heat = infer(paths), infer(paths, to='heatmap')
    pipeline = ImagePipeline(infer.config)
    for path, box, maps, array in zip(paths, boxes, heat, arrays, strict=True):
        loaded = pipeline(path)
        assert np.array_equal(loaded.pixels, array)
        (sample,) = infer.model.test_step(pseudo_collate([loaded.packed]))
        own = sample.pred_instances
        torch.testing.assert_close(box.bboxes, own.bboxes)
        torch.testing.assert_close(box.scores, own.scores)
        torch.testing.assert_close(box.cam_scores, own.cam_scores, rtol=1e-3, atol=1e-4)
        assert torch.equal(box.labels, own.labels) and len(own)
        assert maps.heatmaps.shape == (1, *array.shape[:2]) and maps.bboxes is None
        torch.testing.assert_close(maps.heatmaps, sample.pred_cam.cam, rtol=1e-3, atol=1e-4)
    assert not torch.is_grad_enabled() or not boxes[0].scores.requires_grad


@pytest.mark.parametrize('to', ['boxes', 'masks', 'heatmap'])
def test_batches_arrays_and_folders(classifier, pictures, to):
    folder, arrays = pictures
    infer = CAMInferencer(*classifier, classes=[2, 0], device='cpu')
    expected = infer([folder / f'{name}.png' for name in 'abc'], to=to, batch_size=1)
    with torch.no_grad():
        others = [
            infer(folder, to=to),
            infer(str(folder), to=to, batch_size=2),
            infer(arrays, to=to),
            infer([a[..., ::-1] for a in arrays], to=to, bgr=True),
            [infer(a, to=to)[0] for a in arrays],
        ]
    for results in others:
        for one, other in zip(expected, results, strict=True):
            for a, b in zip(one, other, strict=True):
                assert (a is None) == (b is None)
                if to == 'heatmap' and a is not None:
                    # padding reaches the convolutions' last cells
                    assert a.shape == b.shape and (a - b).abs().float().mean() < 0.1
    assert all(torch.equal(a, b) for a, b in zip(expected[2][:2], others[4][2][:2], strict=True))


def test_masks_and_rules(classifier, pictures):
    folder, _ = pictures
    infer = CAMInferencer(*classifier, classes='topk:2')
    heat, masks, boxes = (infer(folder / 'a.png', to=to)[0] for to in ('heatmap', 'masks', 'boxes'))
    assert heat.labels.shape == (2,) and heat.scores[0] >= heat.scores[1] and masks.masks.dtype == torch.bool
    for k, (cam, mask) in enumerate(zip(heat.heatmaps, masks.masks, strict=True)):
        values = (cam * 255).to(torch.uint8)
        assert torch.equal(mask, values > int(0.2 * int(values.max())))
        own = boxes.bboxes[boxes.labels == heat.labels[k]]
        torch.testing.assert_close(own, boxes_from_scoremap(cam).bboxes - torch.tensor([0.0, 0, 1, 1]))
    tight = infer(folder / 'a.png', to='masks', threshold=0.8)[0]
    assert tight.masks.sum() < masks.masks.sum()
    one = infer(folder / 'a.png', contours='largest')[0]
    assert len(one.bboxes) == 2 <= len(boxes.bboxes)
    wsol = CAMInferencer(*classifier, classes='topk:2', rule='wsol_v1')(folder / 'a.png')[0]
    assert not torch.equal(wsol.bboxes, boxes.bboxes) or len(wsol.bboxes) != len(boxes.bboxes)
    blog = CAMInferencer(*classifier, classes=[1], rule='blog')(folder / 'a.png', to='heatmap')[0]
    assert blog.heatmaps.dtype == torch.float32 and blog.heatmaps.max() == 1


def test_classes(classifier, localizer, pictures):
    image = pictures[0] / 'b.png'
    several = CAMInferencer(*classifier)(image, to='heatmap')[0]
    every = CAMInferencer(*classifier, classes=[0, 1, 2])(image, to='heatmap')[0]
    order = every.scores.sort(descending=True).indices.tolist()
    assert several.labels.tolist() == [k for k in order if every.scores[k] > 0.5]
    assert len(CAMInferencer(*localizer)(image, to='heatmap')[0].labels) == 1
    none = CAMInferencer(*classifier, classes='all_above:1')(image)[0]
    assert none.bboxes.shape == (0, 4) and none.labels.shape == (0,)
    for to in ('masks', 'heatmap'):
        empty = CAMInferencer(*classifier, classes='all_above:1')(image, to=to)[0]
        assert (empty.masks if to == 'masks' else empty.heatmaps).shape == (0, 50, 30)
    gt = CAMInferencer(*localizer, options={'model.test_cfg.cam_class': 'gt'})
    assert gt.options.cam_class == 'topk:1'
    product = CAMInferencer(*localizer, options={'model.test_cfg.box_score': 'product'})(image)[0]
    plain = CAMInferencer(*localizer)(image)[0]
    torch.testing.assert_close(product.scores, plain.scores * plain.cam_scores)


def test_kinds_of_images(classifier, tmp_path):
    infer = CAMInferencer(*classifier, classes=[0])
    grey = (np.indices((40, 60)).sum(0) * 2).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / 'grey.png')
    Image.fromarray(np.dstack([grey] * 3 + [grey * 0 + 255])).save(tmp_path / 'rgba.png')
    turned = Image.fromarray(grey.T)
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(grey.T).save(tmp_path / 'turned.png', exif=exif)
    expected = infer(grey, to='heatmap')[0]
    for name in ('grey.png', 'rgba.png'):
        torch.testing.assert_close(infer(tmp_path / name, to='heatmap')[0], expected)
    assert infer(np.dstack([grey] * 4), to='heatmap')[0].heatmaps.shape == (1, 40, 60)
    Image.fromarray(grey.T).convert('RGB').save(tmp_path / 'turned.jpg', exif=exif)
    assert infer(tmp_path / 'turned.jpg', to='heatmap')[0].heatmaps.shape == (1, 40, 60)


def test_mistakes(classifier, localizer, pictures, tmp_path):
    folder, arrays = pictures
    infer = CAMInferencer(*classifier)
    for arguments, message in (
        (dict(to='box'), "to='box'"),
        (dict(batch_size=0), 'batch_size=0'),
        (dict(thresh=1), 'a box rule has no thresh'),
    ):
        with pytest.raises(ValueError, match=message):
            infer(arrays, **arguments)
    with pytest.raises(ValueError, match=r'image 1 must be uint8 \[H, W, 3\]'):
        infer([arrays[0], arrays[1] / 255])
    with pytest.raises(FileNotFoundError, match='gone.jpg'):
        infer([folder / 'gone.jpg'])
    (tmp_path / 'cut.png').write_bytes((folder / 'a.png').read_bytes()[:-30])
    with pytest.raises(ValueError, match='cut.png is broken'):
        infer(tmp_path / 'cut.png')
    for classes, message in (('gt', "classes='gt'"), ('best', "cam_class='best'"), ([], 'cam_class=')):
        with pytest.raises(ValueError, match=message):
            CAMInferencer(*classifier, classes=classes)
    with pytest.raises(ValueError, match='classes 0 to 2'):
        CAMInferencer(*classifier, classes=[5])(arrays[0])
    with pytest.raises(ValueError, match="preset='x'"):
        CAMInferencer(*classifier, rule='x')
    with pytest.raises(CheckpointError, match='not one of this model'):
        CAMInferencer(localizer[0], classifier[1])
    with pytest.raises(FileNotFoundError):
        CAMInferencer(localizer[0], tmp_path / 'gone.pth')
    config = config_of('ImageClassifier')
    config.pop('test_dataloader')
    with pytest.raises(UsageError, match='no test_dataloader.dataset.pipeline'):
        CAMInferencer(config, save(config, tmp_path)[1])


def test_class_names():
    config = config_of('ImageClassifier')
    assert class_names(config, dict(dataset_meta=dict(classes=['x']))) == ('x',)
    del config.test_dataloader.dataset.dataset['metainfo']
    config.test_dataloader.dataset.dataset.type = 'mmdet.CocoDataset'
    assert class_names(config)[:2] == ('person', 'bicycle')
    assert class_names(Config(dict())) is None
    assert class_names(Config(dict(classes=['a', 'b']))) == ('a', 'b')
    model, _, names = load_model(config_of('ImageClassifier'), None, 'cpu')
    assert not model.training and names == ('bear', 'cat', 'owl')
