"""Time and memory of ring max-pooling (box, context and frame) in torch, beside a loop over RoIs and bins.

Example:
    python tools/benchmarks/bench_ring_pool.py --batch 1 --channels 512 --map 30 40 --rois 300
"""

import argparse

from wsod_mm.ops.ring_benchmark import benchmark_ring_pool
from wsod_mm.ops.ring_pool import RING_ROUNDINGS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch', type=int, default=1, help='images')
    parser.add_argument('--channels', type=int, default=512)
    parser.add_argument('--map', type=int, nargs=2, default=(30, 40), metavar=('H', 'W'))
    parser.add_argument('--rois', type=int, default=300, help='RoIs of the whole batch; each has three rings')
    parser.add_argument('--bins', type=int, default=7, help='bins per side')
    parser.add_argument('--rounding', default='truncate', choices=RING_ROUNDINGS)
    parser.add_argument('--repeat', type=int, default=3, help='the fastest of so many runs counts')
    parser.add_argument('--device', default='cpu', help='of the torch path; the loop runs on the CPU')
    args = parser.parse_args()
    result = benchmark_ring_pool(
        (args.batch, args.channels, *args.map), args.rois, args.bins, args.rounding, args.repeat, args.device
    )
    print(
        f'features [{args.batch}, {args.channels}, {args.map[0]}, {args.map[1]}], {args.rois} RoIs x 3 rings, '
        f'{args.bins} x {args.bins} bins, rounding {args.rounding}, {args.device}'
    )
    for name, value in result.items():
        print(f'{name:>26}: {value:.1f}')


if __name__ == '__main__':
    main()
