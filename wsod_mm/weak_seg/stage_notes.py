"""What was run in a pipeline: stages, their settings and the time they took, from the files that they left."""

from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from wsod_mm.pipeline.stage import StageFolder

from .results import WeakSegResults

__all__ = ['StageNote', 'stage_notes']

_STAGES = (
    *('images', 'classifier', 'cam', 'cam_crf', 'crf_labels', 'affinity', 'walk', 'ir_labels', 'irn', 'sem_seg'),
    *('ins_seg', 'export', 'evaluate'),
)


class StageNote(NamedTuple):
    """One stage.

    Attributes:
        name: Its name.
        settings: Name -> value of what a config may change.
        state: ``'done'``, ``'running'`` (or interrupted).
        seconds: Time it took so far.
    """

    name: str
    settings: dict[str, Any]
    state: str
    seconds: float | None


def stage_notes(results: WeakSegResults) -> list[StageNote]:
    """Stages that were at least begun, in order.

    Raises:
        ValueError: If a file is damaged.
    """
    notes = []
    for name in _STAGES:
        record = results.json(f'{name}/{StageFolder.RECORD}')
        if record:
            settings = _flat(results.json(f'{name}/job.json').get('options', {}))
            config = results.root / name / 'config.py'
            if config.is_file():
                settings = _training(config)
            notes.append(StageNote(name, settings, record.get('state', ''), record.get('seconds')))
    return notes


def _flat(options: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in options.items():
        flat.update(_flat(value, f'{prefix}{key}.') if isinstance(value, dict) else {prefix + key: value})
    return flat


def _training(path: Path) -> dict[str, Any]:
    try:
        config = Config.fromfile(str(path))
    except Exception as error:  # a Python file: it may raise anything
        raise ValueError(f'{path} is damaged ({error}); delete it, and its stage makes it again') from None
    model, optimizer = config.get('model') or {}, (config.get('optim_wrapper') or {}).get('optimizer') or {}
    found = {
        'model': model.get('type'),
        'backbone': (model.get('backbone') or {}).get('type'),
        'epochs': (config.get('train_cfg') or {}).get('max_epochs'),
        'batch': (config.get('train_dataloader') or {}).get('batch_size'),
        'lr': optimizer.get('lr'),
        'load_from': config.get('load_from'),
        'seed': (config.get('randomness') or {}).get('seed'),
    }
    return {key: value for key, value in found.items() if value is not None}
