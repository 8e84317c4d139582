"""Time and memory of RoI max-pooling's torch path, beside one slice-and-max per RoI and bin.

Example:
    python tools/benchmarks/bench_roi_pool.py --batch 4 --channels 128 --map 20 25 --rois 480 --bins
    7
"""

import argparse

from wsod_mm.ops.benchmark import benchmark_roi_pool


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch', type=int, default=4, help='images')
    parser.add_argument('--channels', type=int, default=128)
    parser.add_argument('--map', type=int, nargs=2, default=(20, 25), metavar=('H', 'W'))
    parser.add_argument('--rois', type=int, default=480, help='RoIs of the whole batch')
    parser.add_argument('--bins', type=int, default=7, help='bins per side')
    parser.add_argument('--mode', default='mmcv', choices=('mmcv', 'torchvision', 'truncate'))
    parser.add_argument('--repeat', type=int, default=3, help='the fastest of so many runs counts')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    result = benchmark_roi_pool(
        (args.batch, args.channels, *args.map), args.rois, args.bins, args.mode, args.repeat, args.device
    )
    print(
        f'features [{args.batch}, {args.channels}, {args.map[0]}, {args.map[1]}], '
        f'{args.rois} RoIs, {args.bins} x {args.bins} bins, mode {args.mode}, {args.device}'
    )
    for name, value in result.items():
        print(f'{name:>22}: {value:.1f}')


if __name__ == '__main__':
    main()
