"""Configs of pipelines: what is checked, and what goes into trainings."""

import pytest
from mmengine.config import Config

from wsod_mm.functional.image_input import PixelNorm
from wsod_mm.weak_seg.config import load_weak_seg_config
from wsod_mm.weak_seg.image_lists import ImageLists
from wsod_mm.weak_seg.networks import label_stride, pixel_norm
from wsod_mm.weak_seg.options import TruthOptions, build_options
from wsod_mm.weak_seg.pipeline import make_pipeline, run_weak_seg, weak_seg_stages
from wsod_mm.weak_seg.training import derive_training

from .tiny import CLASSES, write_configs


@pytest.fixture
def path(tmp_path):
    return write_configs(tmp_path, tmp_path / 'data')


def load(path, **changes):
    return load_weak_seg_config(path, {f'weak_seg.{key}': value for key, value in changes.items()})


def test_defaults_are_those_of_the_papers(path):
    path.write_text(
        "weak_seg = dict(classifier='classifier.py', images=dict(type='WeakVOCDataset', data_root='d'),"
        "lists=dict(train='a.txt'), affinitynet=dict(config='affinity.py'))"
    )
    config = load(path)
    assert config.cam.scales == (1, 0.5, 1.5, 2) and config.cam.mirror and config.cam.merge == 'full'
    assert len(config.cam.sweep) == 13 and config.cam.sweep[-1] == 0.6
    assert len(config.classes) == 20 and config.lists == {key: 'a.txt' for key in ('train', 'infer', 'eval', 'mean')}
    psa = config.affinitynet
    assert (psa.low_alpha, psa.alpha, psa.high_alpha, psa.beta, psa.log_steps) == (4, 16, 32, 8, 8)
    assert config.crf.params.bilateral_sigma == 80 and config.crf.backend in ('pydensecrf', 'grid')
    assert config.ground_truth is None and config.irn is None and config.cam_crf is None


def test_stages_are_those_that_are_asked_for(path):
    config = load(path, irn=None, cam_crf=None, ground_truth=None)
    names = [stage.name for stage in weak_seg_stages(config)]
    assert names == ['images', 'classifier', 'cam', 'crf_labels', 'affinity', 'walk', 'export', 'report']


def test_irn_changes_the_crf_of_its_labels_alone(path):
    config = load(path, **{'crf.iterations': 3})
    assert (config.crf.params.bilateral_sigma, config.irn_crf.params.bilateral_sigma) == (20, 10)
    assert config.irn_crf.params.color_sigma == 5 and config.irn_crf.params.iterations == 3
    assert config.irn_crf.backend == config.crf.backend


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'cams': {}}, "pipeline.py: weak_seg has no key 'cams'; did you mean 'cam'"),
        ({'cam.scale': 1}, "weak_seg.cam has no key 'scale'; did you mean 'scales'"),
        ({'cam.scales': ()}, r'weak_seg.cam.scales=\(\): give at least one'),
        ({'cam.scales': (0,)}, 'weak_seg.cam.scales=0: must be a number above 0'),
        ({'cam.merge': 'full'}, "weak_seg.cam.merge='full': IRN's walk .* set merge='strided'"),
        ({'cam.thresholds': (0, 2, 0.1)}, r'weak_seg.cam.thresholds=\(0, 2, 0.1\): need 0 <= first'),
        ({'cam.background': 'a'}, "weak_seg.cam.background='a': must be a number"),
        ({'cam': 3}, 'weak_seg.cam=3: must be a dict'),
        ({'crf.backend': 'x'}, "weak_seg.crf.backend='x': must be one of"),
        ({'crf.sigma': 1}, "weak_seg.crf has no key 'sigma'; did you mean '.*_sigma'"),
        ({'crf.color_sigma': 0}, 'weak_seg.crf.color_sigma must be positive'),
        ({'irn.crf': {'color': 3}}, "weak_seg.irn.crf has no key 'color'; did you mean 'color_sigma'"),
        ({'irn.background_thr': 0.5}, 'weak_seg.irn.background_thr=0.5: must not be above foreground_thr'),
        ({'irn.log_steps': 8.5}, 'weak_seg.irn.log_steps=8.5: must be one of 0, 1'),
        ({'affinitynet.init': 'x'}, "weak_seg.affinitynet.init='x': must be one of 'config', 'classifier'"),
        ({'affinitynet.low_alpha': 40}, 'weak_seg.affinitynet.low_alpha=40: must be below high_alpha=32'),
        ({'images.type': 'Nothing'}, "weak_seg.images.type='Nothing': there is no such data set"),
        ({'images.ann_file': 'a.txt'}, 'weak_seg.images.ann_file=.a.txt.: take it out; it stands in .*weak_seg.lists'),
        ({'images.metainfo': {'classes': 'cat'}}, 'weak_seg.images.metainfo=.*must be dict'),
        ({'lists.train': None}, 'weak_seg.lists=.*must be dict'),
        ({'lists.test': 'a'}, "weak_seg.lists has no key 'test'"),
        ({'seed': 'x'}, "weak_seg.seed='x': must be a whole number"),
        ({'classifier': 3}, 'weak_seg.classifier=3: give a training config'),
    ],
)
def test_errors_name_field_value_and_fix(path, change, message):
    with pytest.raises(ValueError, match=message):
        load(path, **change)


def test_missing_files_are_named(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"weak_seg.irn.config='no.py': .*no.py does not exist"):
        load(path, **{'irn.config': 'no.py'})
    with pytest.raises(FileNotFoundError, match='does not exist'):
        load_weak_seg_config(tmp_path / 'nothing.py')
    with pytest.raises(ValueError, match='no weak_seg'):
        load_weak_seg_config(Config({'a': 1}))
    with pytest.raises(ValueError, match="weak_seg.ground_truth lacks 'folder'"):
        build_options(TruthOptions, {}, 'weak_seg.ground_truth')
    with pytest.raises(ValueError, match='workers=0'):
        make_pipeline(load(path), tmp_path, 0)
    (tmp_path / 'affinity.py').write_text((tmp_path / 'affinity.py').read_text() + "\nload_from = 'weights/x.pth'\n")
    with pytest.raises(FileNotFoundError, match=r"stage 'affinity': .*load_from='weights/x.pth', which does not exist"):
        run_weak_seg(load(path, **{'affinitynet.init': 'config'}), tmp_path / 'work', ['walk'])


def test_trainings_read_the_images_of_the_pipeline(path, tmp_path):
    config = load(path, seed=7, **{'lists.mean': 'm.txt', 'images.difficult': 'include'})
    irn = derive_training(tmp_path / 'irn.py', config)
    train, hook = irn.train_dataloader.dataset, irn.custom_hooks[0].dataloader.dataset
    assert train.data_root == hook.data_root == str(tmp_path / 'data') and train.difficult == 'include'
    assert train.ann_file.endswith('train.txt') and hook.ann_file == 'm.txt'
    assert [step.type for step in train.pipeline][1] == 'LoadLabelMap' and len(hook.pipeline) == 3
    assert irn.randomness.seed == 7 and irn.val_dataloader is None and irn.test_cfg is None
    text = (tmp_path / 'classifier.py').read_text() + '\nval_dataloader = data\n'
    (tmp_path / 'classifier.py').write_text(text + "val_cfg = dict()\nval_evaluator = dict(type='MultiLabelMetric')\n")
    assert derive_training(tmp_path / 'classifier.py', config).val_dataloader is None
    config = load(path, **{'lists.val': 'v.txt'})
    assert derive_training(tmp_path / 'classifier.py', config).val_dataloader.dataset.ann_file == 'v.txt'


def test_networks_have_the_classes_of_the_images(path, tmp_path):
    config = load(path, **{'images.metainfo': {'classes': CLASSES[:5]}})
    with pytest.raises(ValueError, match=r'classifier.py: model.head.num_classes=6, but .* has 5 classes'):
        derive_training(tmp_path / 'classifier.py', config)
    (tmp_path / 'irn.py').write_text((tmp_path / 'irn.py').read_text().replace('ignore_from=255', 'ignore_from=6'))
    with pytest.raises(ValueError, match='ignore_from=6 would leave out'):
        derive_training(tmp_path / 'irn.py', load(path))


def _trained_with(steps, **preprocessor):
    return Config(
        dict(
            train_dataloader=dict(dataset=dict(dataset=dict(pipeline=steps))),
            model=dict(data_preprocessor=preprocessor),
        )
    )


def test_pixels_are_normalised_as_in_training():
    rgb, bgr = dict(type='LoadRGBImage'), dict(type='LoadWeakImage')
    norm = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0])
    for step, swap, wanted in ((rgb, {}, False), (bgr, {}, True), (bgr, {'bgr_to_rgb': True}, False)):
        found = pixel_norm(_trained_with([step], **norm, **swap))
        assert found == PixelNorm((1, 2, 3), (4, 5, 6), wanted)
    assert pixel_norm(_trained_with([rgb], **norm, rgb_to_bgr=True)).bgr
    in_pipeline = dict(type='NormalizeImage', **norm, bgr=True)
    assert pixel_norm(_trained_with([rgb, in_pipeline])) == PixelNorm((1, 2, 3), (4, 5, 6), True)
    with pytest.raises(ValueError, match='both of NormalizeImage'):
        pixel_norm(_trained_with([rgb, in_pipeline], **norm))
    with pytest.raises(ValueError, match='neither of NormalizeImage'):
        pixel_norm(_trained_with([rgb]))
    with pytest.raises(ValueError, match='none of LoadRGBImage'):
        pixel_norm(_trained_with([], **norm))
    assert label_stride(_trained_with([rgb, dict(type='SoftLabelsToMap', stride=4)])) == 4
    with pytest.raises(ValueError, match='no SoftLabelsToMap'):
        label_stride(_trained_with([rgb]))


def test_lists_are_checked_before_anything_is_computed(finished):
    lists = 'VOC2007/ImageSets/Segmentation'
    with pytest.raises(ValueError, match=r"lists.eval='.*odd.txt' has 5 images that infer=.* lacks.*'cmyk'"):
        ImageLists.read_data(
            load(finished.config, **{'lists.infer': f'{lists}/train.txt', 'lists.eval': f'{lists}/odd.txt'})
        )
    with pytest.raises(FileNotFoundError, match='no image set'):
        ImageLists.read_data(load(finished.config, **{'lists.infer': 'nothing.txt'}))
    with pytest.raises(ValueError, match='has no image labels'):
        ImageLists.read_data(load(finished.config, **{'images.label_source': 'none'}))
    images = ImageLists.read_data(load(finished.config))
    assert images.records['background'].labels == () and images.records['cmyk'].labels == (1, 4)
