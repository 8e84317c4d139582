"""Command lines of the demo and of the ladder over many seeds."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from wsod_mm.pipeline.guard import guard
from wsod_mm.pipeline.pipeline import Pipeline

from .ladder import run_ladder
from .ladder_stages import data_stages, run_stages
from .options import RUNGS, LadderOptions, mini_configs, quick_options

__all__ = ['demo_main', 'ladder_main']


def demo_main(arguments: Sequence[str] | None = None) -> int:
    """``tools/demo.py``: from nothing to ``summary.json`` and ``report.html``.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(
        prog='demo.py',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description='Generate images, propose boxes, train a classifier, WSDDN and OICR from image labels, test them, '
        'and write a report. What is finished is skipped, what was killed goes on.',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'), help='folder of all results')
    parser.add_argument('--seed', type=int, default=0, help='seed of the images and of the trainings')
    parser.add_argument('--quick', action='store_true', help='tiny variant: everything runs, nothing is learnt')
    parser.add_argument('--stages', nargs='+', metavar='STAGE', help='only these, and what they need (default: all)')
    parser.add_argument('--workers', type=int, help='stages at a time (default: 2, or 1 on one core)')
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of each training; 1 gives the same bits everywhere'
    )
    args = parser.parse_args(arguments)

    def work() -> None:
        make = quick_options if args.quick else LadderOptions
        options = make(seed=args.seed, data_seed=args.seed, threads=args.threads)
        root = args.work_dir.resolve()
        stages = data_stages(options, root) + run_stages(options, root)
        Pipeline(stages, root, args.workers).run(args.stages)
        for name in ('summary.json', 'report.html'):
            if (root / name).is_file():
                print(f'{args.work_dir / name}')

    return guard(work)


def ladder_main(arguments: Sequence[str] | None = None) -> int:
    """``tools/ladder_table.py``: the ladder over data seeds and training seeds, as a Markdown table.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(
        prog='ladder_table.py',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description='Train and test the ladder over data seeds and training seeds; print mean and spread as Markdown. '
        'Resumable.',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/ladder'), help='folder of all results')
    parser.add_argument('--data-seeds', type=int, nargs='+', default=[0, 1, 2], help='seeds of the generated images')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2], help='seeds of the trainings')
    parser.add_argument('--data-root', type=Path, help='folder that holds VOC2007; then no images are generated')
    parser.add_argument(
        '--config',
        nargs='+',
        default=[],
        metavar='RUNG=FILE',
        help=f'configs that replace those of MiniVOC; rungs: {", ".join(RUNGS)}',
    )
    parser.add_argument('--quick', action='store_true', help='tiny variant: everything runs, nothing is learnt')
    parser.add_argument('--workers', type=int, help='stages at a time (default: 2, or 1 on one core)')
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of each training; 1 gives the same bits everywhere'
    )
    args = parser.parse_args(arguments)

    def work() -> None:
        configs = mini_configs()
        for item in args.config:
            rung, _, path = item.partition('=')
            if rung not in RUNGS or not path:
                parser.error(f'--config {item}: expected RUNG=FILE with a rung of {", ".join(RUNGS)}')
            configs[rung] = Path(path)
        make = quick_options if args.quick else LadderOptions
        options = make(configs=configs, data_root=args.data_root, threads=args.threads)
        data_seeds = args.data_seeds if args.data_root is None else args.data_seeds[:1]
        print(run_ladder(options, args.work_dir, data_seeds, args.seeds, args.workers))

    return guard(work)
