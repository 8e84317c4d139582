"""Stage ``cam``: class activation maps, ``maps/<id>.npz``."""

import dataclasses
from collections.abc import Callable

import torch
from mmengine.config import Config

from wsod_mm.datasets.cam_file import write_cams
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..inference import image_cams
from ..networks import load_network, pixel_norm
from ..options import CamOptions
from ..training import network_files, network_params

__all__ = ['cam_stage', 'cam_worker']


def cam_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Make the CAMs of the classes of every image of ``train`` and ``infer``.

    Args:
        config: The pipeline.
        device: Where the classifier runs.
    """
    options = dataclasses.asdict(config.cam)
    for key in ('background', 'thresholds'):  # of the evaluation
        del options[key]
    return image_stage(
        'cam',
        cam_worker,
        'maps/{}.npz',
        ('train', 'infer'),
        () if config.classifier_checkpoint else ('classifier',),
        options,
        network_files('classifier', config.classifier, config.classifier_checkpoint),
        {**network_params(config.classifier, config.classifier_checkpoint), 'images': config.images},
        device,
        seconds=1800,
    )


def cam_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Load the classifier; the function makes the file of an image."""
    options = CamOptions(**{**job.options, 'scales': tuple(job.options['scales'])})
    config = Config.fromfile(job.network['config'])
    classifier, norm = load_network(config, job.network['checkpoint'], job.device), pixel_norm(config)

    def make(record: ImageRecord) -> None:
        image = read_rgb_image(record.img_path)
        keys = torch.tensor(record.labels, dtype=torch.int64)
        write_cams(job.path(record), image_cams(classifier, image, keys, norm, options), options.dtype)

    return make
