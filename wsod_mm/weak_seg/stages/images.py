"""Stage ``images``: the lists, and the classes of every image, as ``images.json``."""

from pathlib import Path

from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage

from ..config import WeakSegConfig
from ..file_digest import file_digest
from ..image_lists import ImageLists

__all__ = ['images_stage']


def images_stage(config: WeakSegConfig) -> Stage:
    """Read the data set once, so that a missing image or label shows before anything is computed.

    Args:
        config: The pipeline.

    Returns:
        The stage. It is done again when a list file changes (not for a change in the annotations behind it).
    """
    truth = config.ground_truth

    def action(run: StageRun) -> None:
        run.report(None, 'reading lists and labels')
        images = ImageLists.read_data(config)
        if truth is not None:
            for name in ('folder', 'objects'):
                folder = getattr(truth, name)
                if folder is not None:
                    _check_truth(
                        images, config.under_data_root(folder), f'{config.where}.ground_truth.{name}={folder!r}'
                    )
        images.write(run.folder / 'images.json')

    return Stage(
        'images',
        action,
        ('images.json',),
        params={
            'images': config.images,
            'classes': config.classes,
            'lists': config.lists,
            'content': {name: file_digest(config.under_data_root(path)) for name, path in config.lists.items()},
        },
        check=lambda folder: ImageLists.read(folder / 'images.json'),
        seconds=10,
    )


def _check_truth(images: ImageLists, folder: Path, where: str) -> None:
    absent = [img_id for img_id in images.lists['eval'] if not (folder / f'{img_id}.png').is_file()]
    if absent:
        raise ValueError(
            f'{where}: {folder} lacks {len(absent)} of the {len(images.lists["eval"])} images of the list eval, the '
            f'first is {absent[0]}.png; correct the folder or the list, or set ground_truth=None'
        )
