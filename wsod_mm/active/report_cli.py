"""Command line of the report of active learning."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import read_experiment

__all__ = ['report_main']


def report_main(argv: Sequence[str] | None = None) -> int:
    """Write the report of one or more experiments; returns the exit status."""
    parser = argparse.ArgumentParser(
        description='Report of active learning: curves of several experiments, class counts, chosen images. '
        'Works on unfinished experiments.'
    )
    parser.add_argument('work_dirs', type=Path, nargs='+', metavar='WORK_DIR', help='folder with al_state.json')
    parser.add_argument(
        '--label',
        action='append',
        metavar='NAME',
        help='what an experiment is grouped by, instead of its strategy; as often as there are folders, in their order',
    )
    parser.add_argument('--out', type=Path, help='HTML file (default: report.html in the first folder)')
    parser.add_argument('--metric', help='metric to compare, for instance coco/bbox_mAP_50 (default: mAP)')
    parser.add_argument(
        '--config', type=Path, help='where to find the pool (default: the configuration that each experiment left)'
    )
    parser.add_argument('--images', type=int, default=12, help='chosen images shown per cycle')
    args = parser.parse_args(argv)
    if args.label and len(args.label) != len(args.work_dirs):
        parser.error(f'{len(args.work_dirs)} folders need as many --label, not {len(args.label)}')
    labels = args.label or [None] * len(args.work_dirs)
    try:
        experiments = [
            read_experiment(folder, label, args.metric) for folder, label in zip(args.work_dirs, labels, strict=True)
        ]
        # only now: what is wrong with the folders is said at once
        from .report import write_report

        pools = _Pools()
        found = [pools.of(folder, args.config) for folder in args.work_dirs]
        print(write_report(experiments, args.out or args.work_dirs[0] / 'report.html', found, args.images))
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


class _Pools:
    """Pools of experiments; equal ones are built once."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def of(self, folder: Path, config_path: Path | None) -> Any | None:
        """The pool of a folder; without ``config_path`` it may be absent, or not here any more."""
        from mmengine.config import Config

        from .cycle_config import pool_config

        paths = [config_path] if config_path else [*sorted(folder.glob('*.py')), *sorted(folder.glob('cycle*/*.py'))]
        if not paths:
            print(f'{folder}: no configuration there, so no pictures; give one with --config', file=sys.stderr)
            return None
        try:
            return self._build(pool_config(Config.fromfile(paths[0])))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, SyntaxError) as error:
            if config_path:
                raise ValueError(f'no pool from --config {config_path}: {error}') from error
            print(f'{folder}: no pictures ({error}); give a configuration with --config', file=sys.stderr)
            return None

    def _build(self, config: dict) -> Any:
        from wsod_mm.registry import DATASETS

        if repr(config) not in self._built:
            self._built[repr(config)] = DATASETS.build(config)
        return self._built[repr(config)]
