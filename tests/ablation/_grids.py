"""Grid files and rows for the tests of the ablation."""

from pathlib import Path
from typing import Any

import yaml

from wsod_mm.utils.paths import config_dir

SHIPPED = config_dir() / 'mini' / 'ablation_minivoc.yaml'


def grid_file(folder: Path, **changes: Any) -> Path:
    """The shipped grid with absolute configs and some fields replaced (``...`` removes one)."""
    values = yaml.safe_load(SHIPPED.read_text(encoding='utf-8'))
    values['classifier'] = str(SHIPPED.parent / values['classifier'])
    for row in values['rows']:
        row['config'] = str(SHIPPED.parent / row['config'])
    values.update(changes)
    path = folder / 'grid.yaml'
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not ...}), encoding='utf-8')
    return path


def result(key: str, value: float, data_seed: int | None = 0, seed: int = 0, **more: Any) -> dict[str, Any]:
    """A finished row."""
    return {
        'key': key,
        'name': key.upper(),
        'data_seed': data_seed,
        'seed': seed,
        'mAP_11pt': value,
        'mAP_area': value - 1,
        'CorLoc': value + 10,
        'ap_11pt': {'cat': value},
        'train_seconds': 120.0,
        'iterations': 10,
        'losses': {'loss': 0.5},
        'grad_share': {},
        'part_whole': None,
        **more,
    }
