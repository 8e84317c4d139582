"""Stage ``crf_labels``: soft labels with a strong and a weak background (la and ha), ``maps/<id>.npz``."""

from collections.abc import Callable

import numpy as np
import torch

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.datasets.soft_label_file import SoftLabels, write_soft_labels
from wsod_mm.functional.crf_labels import crf_soft_labels
from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..options import CRFOptions

__all__ = ['crf_labels_stage', 'crf_labels_worker']


def crf_labels_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Make what AffinityNet learns from, of the list ``train``.

    Args:
        config: The pipeline.
        device: Where CRFs run that know devices.
    """
    options = {
        'alphas': [config.affinitynet.low_alpha, config.affinitynet.high_alpha],
        'crf': config.crf.plain(),
        'dtype': config.affinitynet.label_dtype,
    }
    device = device if config.crf.backend == 'grid' else 'cpu'
    return image_stage(
        'crf_labels', crf_labels_worker, 'maps/{}.npz', ('train',), ('cam',), options, device=device, seconds=1200
    )


def crf_labels_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Prepare the CRF; the function makes the file of an image."""
    options = CRFOptions.from_dict(job.options['crf'], 'crf')
    crf = options.function(job.device)

    def make(record: ImageRecord) -> None:
        image, maps = read_rgb_image(record.img_path), read_cams(job.file_of('cam', 'maps/{}.npz', record))
        cams = torch.from_numpy(maps.cams)
        low, high = (crf_soft_labels(image, cams, alpha, crf).numpy() for alpha in job.options['alphas'])
        keys = np.concatenate([[0], maps.keys + 1])
        write_soft_labels(job.path(record), SoftLabels(low, high, keys, options.backend), job.options['dtype'])

    return make
