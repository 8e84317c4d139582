"""Evaluate a folder of score maps, ours or wsolevaluation's, without a model.

Examples:
    python tools/eval_scoremaps.py train_log/scoremaps metadata/CUB/test
    python tools/eval_scoremaps.py scoremaps metadata/OpenImages/test --mask-root dataset/OpenImages
    python tools/eval_scoremaps.py --centre metadata/CUB/test
"""

import argparse
import json
import sys

from wsod_mm.evaluation import evaluate_scoremap_folder
from wsod_mm.utils.io import write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line of this tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('scoremaps', nargs='?', help='folder of <image id>.npy, float [H, W] in [0, 1]')
    parser.add_argument('metadata', help='folder of the split: image_ids.txt, class_labels.txt, localization.txt, ...')
    parser.add_argument(
        '--centre', action='store_true', help='the baseline that looks at no pixel, instead of a folder'
    )
    parser.add_argument('--version', type=int, choices=(1, 2), default=2, help='of MaxBoxAcc (default: %(default)s)')
    parser.add_argument('--interval', type=float, default=0.01, help='between thresholds (default: %(default)s)')
    parser.add_argument('--mask-root', help='folder of the masks, where the split has masks (PxAP)')
    parser.add_argument('--out', metavar='JSON', help='write the numbers and the curves there')
    options = parser.parse_args(argv)
    if (options.scoremaps is None) != options.centre:
        parser.error('give a folder of score maps, or --centre')
    return options


def main(argv: list[str] | None = None) -> int:
    """Evaluate, and print the numbers as JSON."""
    options = parse_args(argv)
    try:
        numbers = evaluate_scoremap_folder(
            options.scoremaps, options.metadata, options.version, options.interval, options.mask_root
        )
    except (FileNotFoundError, ValueError, KeyError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    if options.out:
        write_json(numbers, options.out)
    print(json.dumps({key: value for key, value in numbers.items() if key != 'details'}, indent=2))
    return 0


if __name__ == '__main__':
    sys.exit(main())
