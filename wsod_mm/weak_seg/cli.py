"""Command line of the pipeline."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from wsod_mm.pipeline.guard import guard
from wsod_mm.pipeline.pipeline import Pipeline
from wsod_mm.pipeline.stage import StageFolder

from .config import load_weak_seg_config
from .pipeline import make_pipeline, run_weak_seg

__all__ = ['main']


def main(arguments: Sequence[str] | None = None) -> int:
    """``tools/weak_seg.py``: masks from image labels.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(
        prog='weak_seg.py',
        description='Make masks from image labels with AffinityNet or IRN: classifier, CAMs, dense CRF, training, '
        'random walk, evaluation. What is finished is skipped, what was killed goes on.',
    )
    parser.add_argument('config', help='a config with weak_seg, such as configs/mini/weakseg_minicnn_minivoc.py')
    parser.add_argument('--work-dir', type=Path, help='folder of all results (default: work_dirs/<config>)')
    parser.add_argument(
        '--only', nargs='+', metavar='STAGE', help='only these stages, and what they need (default: all)'
    )
    parser.add_argument('--workers', type=int, help='processes of a stage (default: the cores)')
    parser.add_argument('--device', default='auto', help='where networks run, besides trainings: auto, cuda, cpu')
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of each training; 1 gives the same bits everywhere (default: 1)'
    )
    parser.add_argument('--list', action='store_true', help='show the stages and what is done')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config, such as weak_seg.seed=1 weak_seg.images.data_root=data/minivoc1',
    )
    args = parser.parse_args(arguments)

    def work() -> None:
        root = args.work_dir or Path('work_dirs', Path(args.config).stem)
        config = load_weak_seg_config(args.config, args.cfg_options)
        if args.list:
            print(_listing(make_pipeline(config, root, args.workers, args.device, args.threads)))
            return
        run_weak_seg(config, root, args.only, args.workers, args.device, args.threads)
        for name in ('evaluate/metrics.json', 'report/report.html'):
            if (root / name).is_file():
                print(root / name)

    return guard(work)


def _listing(pipeline: Pipeline) -> str:
    keys, lines, fresh = pipeline.keys(), [], set()
    for stage in pipeline.stages:
        folder = StageFolder(pipeline.root, stage)
        if set(stage.before) <= fresh and folder.is_done(keys[stage.name]):
            fresh.add(stage.name)
            state = 'done'
        elif not folder.record():
            state = 'to do'
        else:
            state = 'started' if folder.record().get('key') == keys[stage.name] else 'to do again'
        lines.append(
            f'{stage.name:<12} {state:<12} {"needs " + ", ".join(stage.needs) if stage.needs else ""}'.rstrip()
        )
    return '\n'.join(lines)
