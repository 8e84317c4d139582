"""Stage ``cam_crf``: label maps of CAMs and a dense CRF alone, ``masks/<id>.png``. A baseline of ours."""

from collections.abc import Callable

import torch

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.functional.crf_labels import crf_soft_labels
from wsod_mm.functional.walk_labels import scores_to_labels
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.label_png import write_label_png

from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..options import CRFOptions

__all__ = ['cam_crf_stage', 'cam_crf_worker']


def cam_crf_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Make the label maps of the list ``infer``.

    Args:
        config: The pipeline.
        device: Where CRFs run that know devices.
    """
    options = {'alpha': config.cam_crf.alpha, 'crf': config.crf.plain()}
    device = device if config.crf.backend == 'grid' else 'cpu'
    return image_stage(
        'cam_crf', cam_crf_worker, 'masks/{}.png', ('infer',), ('cam',), options, device=device, seconds=600
    )


def cam_crf_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Prepare the CRF; the function makes the file of an image."""
    crf = CRFOptions.from_dict(job.options['crf'], 'crf').function(job.device)

    def make(record: ImageRecord) -> None:
        image, maps = read_rgb_image(record.img_path), read_cams(job.file_of('cam', 'maps/{}.npz', record))
        scores = crf_soft_labels(image, torch.from_numpy(maps.cams), job.options['alpha'], crf)
        write_label_png(job.path(record), scores_to_labels(scores, maps.keys).numpy())

    return make
