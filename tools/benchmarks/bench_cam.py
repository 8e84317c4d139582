"""Sweep of thresholds over score maps beside one contour search per threshold, as wsolevaluation has it.

Both give the boxes of MaxBoxAcc and MaxBoxAccV2; the benchmark fails unless they are the same to the last box.

Example:
    python tools/benchmarks/bench_cam.py
    python tools/benchmarks/bench_cam.py --scoremaps work_dirs/scoremaps --json work_dirs/bench_cam.json
"""

import argparse
from pathlib import Path

import numpy as np

from wsod_mm.functional.scoremap_boxes import require_scoremap
from wsod_mm.ops.scoremap_benchmark import benchmark_sweep, blob_scoremaps
from wsod_mm.utils.io import write_json


def load_scoremaps(folder: Path, limit: int) -> list[np.ndarray]:
    """The first ``.npy`` files of a folder by name."""
    paths = sorted(folder.rglob('*.npy'))[:limit]
    if not paths:
        raise SystemExit(f'{folder}: no .npy score maps in it')
    return [require_scoremap(np.load(path), str(path)) for path in paths]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--intervals', type=float, nargs='+', default=[0.001, 0.01], help='between thresholds')
    parser.add_argument('--scoremaps', type=Path, help='folder of <image>.npy maps; default: made-up ones')
    parser.add_argument('--maps', type=int, default=8, help='how many maps')
    parser.add_argument('--cells', type=int, default=14, help='side of the made-up activation maps')
    parser.add_argument('--size', type=int, default=224, help='side of the made-up score maps in pixels')
    parser.add_argument('--repeat', type=int, default=3, help='the fastest of so many runs counts')
    parser.add_argument('--json', type=Path, help='write the numbers here')
    args = parser.parse_args()
    if args.scoremaps:
        maps = load_scoremaps(args.scoremaps, args.maps)
    else:
        maps = blob_scoremaps(args.maps, args.cells, (args.size, args.size))
    result = {}
    for interval in args.intervals:
        numbers = result[f'{interval:g}'] = benchmark_sweep(maps, interval, args.repeat)
        print(f'\n{len(maps)} score maps, thresholds every {interval:g}')
        for name, value in numbers.items():
            print(f'{name:>16}: {value if isinstance(value, bool) else format(value, ".4g")}')
    if args.json:
        write_json(result, args.json)
    if not all(numbers['exact'] for numbers in result.values()):
        raise SystemExit('the sweep gives other boxes than one search per threshold')


if __name__ == '__main__':
    main()
