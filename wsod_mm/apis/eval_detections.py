"""Evaluating and drawing detections that a test saved, without the model."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from wsod_mm.evaluation import DetectionFile, evaluate_tables
from wsod_mm.evaluation.filter_detections import filter_detections
from wsod_mm.evaluation.tables import format_table
from wsod_mm.utils.io import write_json
from wsod_mm.visualization.draw_detections import draw_detections

__all__ = ['main']

#: title, key per class, key of the mean
_COLUMNS = {
    'mAP': (('AP 11pt', 'ap_11pt', 'mAP_11pt'), ('AP area', 'ap_area', 'mAP_area')),
    'CorLoc': (('CorLoc', 'corloc', 'CorLoc'),),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='eval_detections.py',
        description='Evaluate saved detections again, with another NMS or metric, or draw them. They are saved by: '
        'python tools/test.py CONFIG CHECKPOINT --cfg-options test_evaluator.dump_path=FILE.npz '
        '(test_evaluator.0.dump_path and test_evaluator.1.dump_path where there are two branches).',
    )
    parser.add_argument('file', type=Path, help='detections (.npz)')
    parser.add_argument('--metric', nargs='+', choices=tuple(_COLUMNS), default=list(_COLUMNS), help='what to print')
    parser.add_argument('--score-thr', type=float, help='keep detections that score more')
    parser.add_argument('--nms', type=float, metavar='IOU', help='NMS per class; only a lower threshold has an effect')
    parser.add_argument('--max-per-img', type=int, help='keep so many detections per image')
    parser.add_argument('--iou-thr', type=float, default=0.5, help='overlap that makes a hit (default: %(default)s)')
    parser.add_argument(
        '--or-equal', action='store_true', help="an IoU equal to the threshold is a hit, too (MMDetection's VOCMetric)"
    )
    parser.add_argument(
        '--round-like-devkit', action='store_true', help='scores to %%.3f and boxes to %%.1f first, as public codes do'
    )
    parser.add_argument('--out', type=Path, metavar='JSON', help='write all numbers, also those per class')
    parser.add_argument('--save', type=Path, metavar='NPZ', help='write the detections that are left')
    parser.add_argument('--show-dir', type=Path, help='draw objects and detections into this folder')
    parser.add_argument('--show-thr', type=float, help='draw what scores at least this (default: by rank)')
    parser.add_argument('--images', type=int, help='draw the first so many images (default: all)')
    return parser


def _table(numbers: dict, metrics: Sequence[str]) -> str:
    columns = [column for metric in metrics for column in _COLUMNS[metric]]
    rows = [
        [name, numbers['num_positive'][i], numbers['num_detections'][i], *(numbers[key][i] for _, key, _ in columns)]
        for i, name in enumerate(numbers['classes'])
    ]
    totals = [sum(numbers[key]) for key in ('num_positive', 'num_detections')]
    rows.append(['mean', *totals, *(numbers[mean] for *_, mean in columns)])
    return format_table(['class', 'objects', 'boxes', *(title for title, *_ in columns)], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of ``tools/eval_detections.py``.

    Args:
        arguments: Command line without the program name; ``None`` takes that of the process.

    Returns:
        Exit status.
    """
    args = _parser().parse_args(arguments)
    try:
        file = filter_detections(DetectionFile.load(args.file), args.score_thr, args.nms, args.max_per_img)
        numbers = evaluate_tables(
            file.detections,
            file.top,
            file.truth,
            file.classes,
            args.iou_thr,
            strict=not args.or_equal,
            devkit_rounding=args.round_like_devkit,
        )
        print(_table(numbers, args.metric))
        if args.out is not None:
            write_json(numbers, args.out)
        if args.save is not None:
            file.save(args.save)
        if args.show_dir is not None:
            drawn = draw_detections(file, args.show_dir, args.show_thr, args.images)
            print(f'{len(drawn)} pictures in {args.show_dir}')
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0
