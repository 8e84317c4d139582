"""Stage ``sem_seg``: the random walk of IRN, ``masks/<id>.png``, and its boundaries, ``boundary/<id>.png``."""

from collections.abc import Callable

from wsod_mm.functional.walk_labels import irn_walk_labels
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.label_png import write_grey_png, write_label_png

from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..irn_images import irn_network, irn_reader

__all__ = ['sem_seg_stage', 'sem_seg_worker']


def sem_seg_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Make the label maps of the list ``infer``.

    Args:
        config: The pipeline.
        device: Where the network runs.
    """
    options = {name: getattr(config.irn, name) for name in ('beta', 'log_steps', 'radius', 'background')}
    needs, network, params = irn_network(config)
    return image_stage(
        'sem_seg', sem_seg_worker, 'masks/{}.png', ('infer',), needs, options, network, params, device, seconds=900
    )


def sem_seg_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Load IRN; the function makes the file of an image."""
    read, options = irn_reader(job), job.options
    walk = dict(beta=options['beta'], steps=2 ** options['log_steps'], radius=options['radius'])

    def make(record: ImageRecord) -> None:
        found = read(record)
        label = irn_walk_labels(
            found.cam, found.keys, found.boundary, found.size, options['background'], found.stride, **walk
        )
        # for the eye; before the mask, which says that the image is done
        write_grey_png(job.file_of('sem_seg', 'boundary/{}.png', record), found.boundary.cpu().numpy())
        write_label_png(job.path(record), label.cpu().numpy())

    return make
