"""Stage ``ir_labels``: label maps that IRN learns from, ``masks/<id>.png`` (255: not sure)."""

from collections.abc import Callable

import torch

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.functional.crf_labels import ir_label
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.label_png import write_label_png

from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..options import CRFOptions

__all__ = ['ir_labels_stage', 'ir_labels_worker']


def ir_labels_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Make the label maps of the list ``train``.

    Args:
        config: The pipeline.
        device: Where CRFs run that know devices.
    """
    options = {
        'foreground_thr': config.irn.foreground_thr,
        'background_thr': config.irn.background_thr,
        'crf': config.irn_crf.plain(),
    }
    device = device if config.irn_crf.backend == 'grid' else 'cpu'
    return image_stage(
        'ir_labels', ir_labels_worker, 'masks/{}.png', ('train',), ('cam',), options, device=device, seconds=1200
    )


def ir_labels_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Prepare the CRF; the function makes the file of an image."""
    options = dict(job.options)
    crf = CRFOptions.from_dict(options.pop('crf'), 'irn.crf').function(job.device)

    def make(record: ImageRecord) -> None:
        image, maps = read_rgb_image(record.img_path), read_cams(job.file_of('cam', 'maps/{}.npz', record))
        label = ir_label(image, torch.from_numpy(maps.cams), torch.from_numpy(maps.keys), crf, **options)
        write_label_png(job.path(record), label.numpy())

    return make
