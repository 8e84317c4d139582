"""Stage ``ins_seg``: instances of IRN, ``instances/<id>.npz`` and, of all images, ``instances.json`` (COCO results)."""

from collections.abc import Callable

from wsod_mm.datasets.instance_file import InstanceArrays, read_instances, write_instances
from wsod_mm.functional.instance_seg import find_instances
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.io import write_json

from ..coco_instances import coco_results
from ..config import WeakSegConfig
from ..image_job import ImageJob
from ..image_record import ImageRecord
from ..image_stage import image_stage
from ..irn_images import irn_network, irn_reader

__all__ = ['ins_seg_finish', 'ins_seg_stage', 'ins_seg_worker']


def ins_seg_stage(config: WeakSegConfig, device: str = 'cpu') -> Stage:
    """Find the instances of the list ``infer``.

    Args:
        config: The pipeline.
        device: Where the network runs.
    """
    names = ('beta', 'log_steps', 'radius', 'background', 'drop_zero')
    options = {name: getattr(config.irn, name) for name in names}
    needs, network, params = irn_network(config)
    return image_stage(
        'ins_seg',
        ins_seg_worker,
        'instances/{}.npz',
        ('infer',),
        needs,
        options,
        network,
        params,
        device,
        ins_seg_finish,
        ('instances.json',),
        seconds=1800,
    )


def ins_seg_worker(job: ImageJob) -> Callable[[ImageRecord], None]:
    """Load IRN; the function makes the file of an image."""
    read, options = irn_reader(job), job.options
    settings = dict(
        bg_threshold=options['background'],
        drop_zero=options['drop_zero'],
        beta=options['beta'],
        steps=2 ** options['log_steps'],
        radius=options['radius'],
    )

    def make(record: ImageRecord) -> None:
        found = read(record)
        instances = find_instances(
            found.cam, found.keys, found.displacement, found.boundary, found.size, stride=found.stride, **settings
        )
        write_instances(job.path(record), InstanceArrays(*(part.cpu().numpy() for part in instances)))

    return make


def ins_seg_finish(job: ImageJob) -> None:
    """Join the instances of all images in the order of the list."""
    results = []
    for record in job.records():
        results += coco_results(record.img_id, read_instances(job.path(record)))
    write_json(results, job.folder / 'instances.json', indent=None)
