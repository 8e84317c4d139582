"""Random walks of AffinityNet and IRN beside squarings of the dense matrix, and backends of the dense CRF.

* Walk: all 256 steps of the sparse one-step operator in float64, beside 8 squarings in float32, for an image of
  375 x 500 pixels at stride 8 (47 x 63 cells) and 4 (94 x 125). The larger matrix is squared once, and the time
  multiplied by 8; the output says so.
* CRF: time and disagreement of pydensecrf and the grid in full size, and of both with the exact kernels on a small copy
  with smaller standard deviations.

Example:
    python tools/benchmarks/bench_affinity.py --grids 47x63
    python tools/benchmarks/bench_affinity.py --image photo.jpg --labels 3 --json work_dirs/bench_affinity.json
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from wsod_mm.functional.random_walk import WALK_METHODS
from wsod_mm.ops.affinity_benchmark import benchmark_crf, benchmark_walk, exact_size, smooth_scene
from wsod_mm.ops.dense_crf import DenseCRFParams, resolve_crf_backend
from wsod_mm.utils.io import write_json

SQUARED_AT_ONCE = 4000


def size(text: str) -> tuple[int, int]:
    """``47x63`` -> (47, 63)."""
    height, width = text.lower().split('x')
    return int(height), int(width)


def measure_crf(
    image: np.ndarray, probabilities: np.ndarray, small_pixels: int, repeat: int, device: str
) -> dict[str, dict[str, dict[str, float]]]:
    """Full size, and a small copy with the exact kernels."""
    backends = [*dict.fromkeys([resolve_crf_backend('auto'), 'grid'])]
    height, width, factor = exact_size(*image.shape[:2], small_pixels)
    small = np.array(Image.fromarray(image).resize((width, height)))
    maps = torch.nn.functional.interpolate(torch.from_numpy(probabilities)[None], (height, width), mode='area')[0]
    params = DenseCRFParams(bilateral_sigma=80 * factor)
    return {
        f'{image.shape[0]} x {image.shape[1]}': benchmark_crf(image, probabilities, backends, None, repeat, device),
        f'{height} x {width}': benchmark_crf(small, maps.numpy(), [*backends, 'exact'], params, 1, device),
    }


def show(title: str, numbers: dict[str, float]) -> None:
    """Print one column of numbers."""
    print(f'\n{title}')
    for name, value in numbers.items():
        print(f'{name:>32}: {value:.4g}')


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--grids', type=size, nargs='*', default=[(47, 63), (94, 125)], metavar='HxW')
    parser.add_argument('--planes', type=int, default=4, help='planes that walk')
    parser.add_argument('--squarings', type=int, help=f'of the dense matrix; default: 8 up to {SQUARED_AT_ONCE} cells')
    parser.add_argument('--method', default='sparse', choices=WALK_METHODS)
    parser.add_argument('--crf', type=size, default=(375, 500), metavar='HxW', help='image of the CRF; 0x0: none')
    parser.add_argument('--image', type=Path, help='a photo for the CRF, scaled to --crf; default: blots')
    parser.add_argument('--labels', type=int, default=3, help='of the CRF')
    parser.add_argument('--small-pixels', type=int, default=4000, help='of the copy for the exact kernels')
    parser.add_argument('--repeat', type=int, default=3, help='the fastest of so many runs counts')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--json', type=Path, help='write the numbers here')
    args = parser.parse_args()
    result = {'walk': {}, 'crf': {}}
    for height, width in args.grids:
        squarings = args.squarings
        if squarings is None:
            squarings = 8 if height * width <= SQUARED_AT_ONCE else 1
        numbers = benchmark_walk(
            height, width, args.planes, squarings=squarings, method=args.method, repeat=args.repeat, device=args.device
        )
        result['walk'][f'{height}x{width}'] = numbers
        note = f'; dense time from {squarings} of 8 squarings' if 0 < squarings < 8 else ''
        show(
            f'256 steps on {height} x {width} cells, {args.planes} planes, {args.method}, {args.device}{note}', numbers
        )
    if all(args.crf):
        image, probabilities = smooth_scene(*args.crf, args.labels)
        if args.image:
            with Image.open(args.image) as photo:
                image = np.array(photo.convert('RGB').resize(args.crf[::-1]))
        result['crf'] = measure_crf(image, probabilities, args.small_pixels, args.repeat, args.device)
        for at, backends in result['crf'].items():
            for name, numbers in backends.items():
                show(f'dense CRF, {at} pixels, {args.labels} labels, {name}', numbers)
    if args.json:
        write_json(result, args.json)


if __name__ == '__main__':
    main()
