"""What a cycle of active learning costs besides training, beside literal versions.

* Scoring: MI-AOD's uncertainty of one image from the logits of both classifiers, on the device, beside copies of both
  score maps to the host and a sort of all anchors. 800 x 608 pixels have 91 260 anchors.
* Core-set: k-center greedy with one update of the distances per pick, beside all distances anew for each pick.
* Pool: selection and the next sets with arrays, beside lists, for COCO's 117 266 images.

Every ratio of these is ours / literal. Both sides must find the same.

* Network: a pair of steps beside two of the same network under RetinaNet's loss, an image scored with two of four
  towers beside all of them, with FLOPs, and scoring by two processes beside one.

Example:
    python tools/benchmarks/bench_active.py
    python tools/benchmarks/bench_active.py --device cuda --json work_dirs/bench_active.json
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from literal.active_learning import host_uncertainty, k_center_anew, list_selection
from miaod_network import Rows, measure_pair, measure_score_pass, measure_split

from wsod_mm.active.pool import select_next, split_by_dataset
from wsod_mm.functional.uncertainty import image_uncertainty, instance_uncertainty

STRIDES = (8, 16, 32, 64, 128)
COCO_IMAGES = 117266

Sides = dict[str, dict[str, float]]


def fastest(run: Callable[[], object], repeat: int, device: str = 'cpu') -> float:
    """Milliseconds of the fastest of ``repeat`` runs."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        run()
        if device.startswith('cuda'):
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def random_logits(
    height: int, width: int, classes: int, anchors: int = 9, device: str = 'cpu'
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Logits ``[1, A_l, C]`` per level of two classifiers that mostly agree."""
    generator = torch.Generator().manual_seed(0)
    levels = [anchors * -(-height // stride) * -(-width // stride) for stride in STRIDES]
    first = [torch.randn(1, count, classes, generator=generator) - 4 for count in levels]
    second = [z + 0.5 * torch.randn(z.shape, generator=generator) for z in first]
    return [z.to(device) for z in first], [z.to(device) for z in second]


def measure_scoring(
    height: int = 608, width: int = 800, classes: int = 20, k: int = 10000, repeat: int = 5, device: str = 'cpu'
) -> Sides:
    """Milliseconds per image, MiB that go to the host, and the uncertainty."""
    f1, f2 = random_logits(height, width, classes, device=device)

    def ours() -> torch.Tensor:
        return image_uncertainty(instance_uncertainty(f1, f2), k)

    copied = sum(z.numel() * z.element_size() for z in (*f1, *f2)) / 2**20
    return {
        'ours': {
            'ms': fastest(ours, repeat, device),
            'MiB to the host': 4 / 2**20,
            'uncertainty x 1000': 1e3 * float(ours()),
        },
        'literal': {
            'ms': fastest(lambda: host_uncertainty(f1, f2, k), repeat, device),
            'MiB to the host': copied,
            'uncertainty x 1000': 1e3 * host_uncertainty(f1, f2, k),
        },
    }


def measure_core_set(
    candidates: int = 1000, labeled: int = 100, size: int = 50, width: int = 256, repeat: int = 2
) -> Sides:
    """Milliseconds of a selection, and the sum of the ids that were picked."""
    from wsod_mm.functional.acquisition import k_center_greedy

    features = np.random.default_rng(0).standard_normal((candidates + labeled, width)).astype(np.float32)
    centers, rest = np.arange(labeled), np.arange(labeled, labeled + candidates)
    runs = {
        'ours': lambda: k_center_greedy(features, centers, rest, size),
        'literal': lambda: k_center_anew(features, centers, rest, size),
    }
    sums = {side: float(np.dot(run(), np.arange(1, size + 1))) for side, run in runs.items()}
    return {side: {'ms': fastest(run, repeat), 'checksum of picks': sums[side]} for side, run in runs.items()}


def measure_pool(n: int = COCO_IMAGES, labeled: int | None = None, size: int | None = None, repeat: int = 3) -> Sides:
    """Milliseconds of a selection and of the next sets, and a checksum of what was selected."""
    labeled, size = labeled or n // 10, size or n // 50
    rng = np.random.default_rng(0)
    uncertainty = rng.random(n).astype(np.float32)
    known = np.sort(rng.permutation(n)[:labeled])
    uncertainty[known] = np.nan
    sizes = (n // 3, n - n // 3)

    def ours() -> np.ndarray:
        selection = select_next(uncertainty, known, size, seed=0)
        split_by_dataset(selection.labeled, sizes)
        return selection.selected

    def literal() -> list[int]:
        selected, rest = list_selection(uncertainty, known.tolist(), size)
        np.random.RandomState(0).shuffle(rest)
        both = sorted([*known.tolist(), *selected])
        sorted(rest[: len(both)])
        [[i for i in both if i < sizes[0]], [i - sizes[0] for i in both if i >= sizes[0]]]
        return selected

    weights = np.arange(1, size + 1)
    return {
        side: {'ms': fastest(run, repeat), 'checksum of ids': float(np.dot(np.asarray(run(), np.float64), weights))}
        for side, run in (('ours', ours), ('literal', literal))
    }


def show(title: str, sides: Mapping[str, Mapping[str, float]]) -> None:
    """Print one table: name, ours, literal, and their ratio."""
    print(f'\n{title}\n{"":>24}{"ours":>16}{"literal":>16}{"ratio":>12}')
    for name, ours in sides['ours'].items():
        literal = sides['literal'][name]
        print(f'{name:>24}{ours:16.6g}{literal:16.6g}{ours / literal:12.3g}')


def show_rows(title: str, rows: Rows) -> None:
    """Print one table: a line per row."""
    columns = list(next(iter(rows.values())))
    print(f'\n{title}\n{"":>24}' + ''.join(f'{name:>16}' for name in columns))
    for name, values in rows.items():
        print(f'{name:>24}' + ''.join(f'{values[column]:16.4g}' for column in columns))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cpu', help='of the scoring; the rest is done on the host')
    parser.add_argument('--repeat', type=int, default=5, help='the fastest of so many runs counts')
    parser.add_argument('--candidates', type=int, default=1000, help='of the core-set')
    parser.add_argument('--images', type=int, default=COCO_IMAGES, help='in the pool')
    parser.add_argument('--size', type=int, nargs=2, default=(256, 320), metavar=('H', 'W'), help='of the network')
    parser.add_argument('--depth', type=int, default=50, help='of its ResNet')
    parser.add_argument('--json', type=Path, help='write the numbers here')
    args = parser.parse_args()
    result = {
        'scoring': measure_scoring(repeat=args.repeat, device=args.device),
        'core-set': measure_core_set(args.candidates),
        'pool': measure_pool(args.images),
    }
    show(f'uncertainty of an image, 800 x 608, 20 classes, {args.device}', result['scoring'])
    show(f'k-center greedy, 50 of {args.candidates} images, 100 labeled, 256 features', result['core-set'])
    show(f'selection and next sets, {args.images} images', result['pool'])
    network = dict(height=args.size[0], width=args.size[1], depth=args.depth)
    result['pair'] = measure_pair(**network, repeat=args.repeat, device=args.device)
    result['score pass'] = measure_score_pass(**network, repeat=args.repeat, device=args.device)
    result['processes'] = measure_split(**network)
    at = f'RetinaNet with four towers, ResNet-{args.depth}, {args.size[1]} x {args.size[0]}'
    show_rows(f'a labeled and an unlabeled step of 2 images, {at}, {args.device}', result['pair'])
    show_rows(f'an image, {at}, {args.device}', result['score pass'])
    show_rows(f'images scored, {at}, CPU', result['processes'])
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
