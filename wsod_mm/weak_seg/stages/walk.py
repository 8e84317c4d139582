"""Stage ``walk``: the random walk of AffinityNet, ``masks/<id>.png``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.functional.crf_labels import soft_unary
from wsod_mm.functional.walk_labels import psa_scores, psa_walk, scores_to_labels
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.label_png import write_label_png

from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..inference import image_affinity
from ..networks import label_stride, load_network, pixel_norm
from ..options import CRFOptions
from ..training import network_files, network_params

__all__ = ['walk_stage', 'walk_worker']


def walk_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Make the label maps of the list ``infer``.

    Args:
        config: The pipeline.
        device: Where the network runs.
    """
    affinity = config.affinitynet
    options = {name: getattr(affinity, name) for name in ('alpha', 'beta', 'log_steps', 'border')}
    options['final_crf'] = config.crf.plain() if affinity.final_crf else None
    given = None if affinity.checkpoint is None else Path(affinity.checkpoint)
    return image_stage(
        'walk',
        walk_worker,
        'masks/{}.png',
        ('infer',),
        ('cam',) if given else ('cam', 'affinity'),
        options,
        network_files('affinity', Path(affinity.config), given),
        network_params(Path(affinity.config), given),
        device,
        seconds=900,
    )


def walk_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Load AffinityNet; the function makes the file of an image."""
    config = Config.fromfile(job.network['config'])
    network, norm = load_network(config, job.network['checkpoint'], job.device), pixel_norm(config)
    stride, radius, options = label_stride(config), network.head.radius, job.options
    walk = dict(alpha=options['alpha'], beta=options['beta'], steps=2 ** options['log_steps'], border=options['border'])
    crf = None
    if options['final_crf'] is not None:
        crf = CRFOptions.from_dict(options['final_crf'], 'crf').function(job.device)

    def make(record: ImageRecord) -> None:
        image, maps = read_rgb_image(record.img_path), read_cams(job.file_of('cam', 'maps/{}.npz', record))
        affinity = image_affinity(network, image, norm, stride)
        cams = torch.from_numpy(maps.cams).to(affinity.device)
        scores = psa_scores(
            psa_walk(cams, affinity, radius=radius, stride=stride, **walk), tuple(cams.shape[1:]), stride
        )
        if crf is not None and len(scores) > 1:
            unary = np.ascontiguousarray(soft_unary(scores).cpu().numpy())
            scores = torch.from_numpy(crf(image, unary))
        write_label_png(job.path(record), scores_to_labels(scores, maps.keys).cpu().numpy())

    return make
