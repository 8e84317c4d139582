"""Every setting of the image-wise stages changes what they write."""

import dataclasses

import numpy as np
import pytest

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.instance_file import read_instances
from wsod_mm.datasets.soft_label_file import read_soft_labels
from wsod_mm.weak_seg.run_images import run_images

from .test_resume import job_of
from .tiny import contents


@pytest.mark.parametrize(
    ('stage', 'options'),
    [
        ('cam', {'scales': [1.0]}),
        ('cam', {'mirror': False}),
        ('cam', {'multiple': 16}),
        ('cam', {'stride': 8}),
        ('cam', {'dtype': 'float16'}),
        ('cam_crf', {'alpha': 0.1}),
        ('cam_crf', {'crf': {'backend': 'none'}}),
        ('crf_labels', {'alphas': [1, 2]}),
        ('crf_labels', {'dtype': 'float32'}),
        ('ir_labels', {'foreground_thr': 0.9}),
        ('ir_labels', {'background_thr': 0.2}),
        ('walk', {'alpha': 0.5}),
        ('walk', {'beta': 1.0}),
        ('walk', {'log_steps': 0}),
        ('walk', {'border': 'reference'}),
        ('walk', {'final_crf': {'backend': 'grid', 'iterations': 1, 'bilateral_sigma': 3, 'color_sigma': 80}}),
        ('sem_seg', {'beta': 0.1}),
        ('sem_seg', {'log_steps': 0}),
        ('sem_seg', {'radius': 2}),
        ('sem_seg', {'background': 0.9}),
        ('ins_seg', {'drop_zero': True}),
    ],
)
def test_a_setting_changes_files(finished, tmp_path, stage, options):
    job = job_of(finished, stage, tmp_path / 'work')
    run_images(dataclasses.replace(job, options={**job.options, **options}))
    mine, before = contents(job.folder), contents(finished.root / stage)
    assert mine.keys() == before.keys() and mine != before


def test_cams_of_the_size_of_the_image_alone(finished, tmp_path):
    job = job_of(finished, 'cam', tmp_path / 'work')
    run_images(dataclasses.replace(job, options={**job.options, 'merge': 'full'}))
    for record in job.records():
        maps, other = read_cams(job.path(record)), read_cams(finished.root / 'cam' / 'maps' / f'{record.img_id}.npz')
        assert maps.low is None and maps.cams.shape == other.cams.shape
    large = read_cams(job.folder / 'maps' / 'large.npz').cams
    assert not np.array_equal(large, read_cams(finished.root / 'cam' / 'maps' / 'large.npz').cams)


def test_dropped_instances_are_those_without_a_score(finished, tmp_path):
    job = job_of(finished, 'ins_seg', tmp_path / 'work')
    run_images(dataclasses.replace(job, options={**job.options, 'drop_zero': True}))
    for record in job.records():
        kept, all_ = (
            read_instances(job.path(record)),
            read_instances(finished.root / 'ins_seg' / job.files.format(record.img_id)),
        )
        wanted = all_.scores > 0
        np.testing.assert_array_equal(kept.scores, all_.scores[wanted])
        np.testing.assert_array_equal(kept.masks, all_.masks[wanted])


def test_la_has_more_background_than_ha(finished):
    maps = read_soft_labels(finished.root / 'crf_labels' / 'maps' / '000001.npz')
    assert maps.low[0].mean() > maps.high[0].mean()
