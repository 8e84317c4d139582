"""Time of PCL's miner, beside the step-by-step version with scikit-learn, and whether both find the same seeds.

Two kinds of scores: ``peaked`` like those of a trained network (few proposals in the top cluster) and ``flat`` (a
third of all proposals there).

Example:
    python tools/benchmarks/bench_mining.py --rois 2000 --positive 3
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from literal.pcl_sklearn import pcl_centres

from wsod_mm.functional.clustering import top_cluster
from wsod_mm.functional.mist_mining import mist_seeds
from wsod_mm.functional.pcl_mining import _pcl_seeds_static, pcl_seeds


def fastest(run: Callable[[], object], repeat: int) -> float:
    """Milliseconds of the fastest of ``repeat`` runs."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def random_image(rois: int, num_classes: int, peaked: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes ``[R, 4]`` in a 500 x 375 image and scores ``[R, C]``."""
    generator = torch.Generator().manual_seed(0)
    size = torch.tensor([500.0, 375.0])
    corners = (torch.rand(rois, 2, 2, generator=generator) * size).sort(dim=1).values.floor()
    scores = torch.rand(rois, num_classes, generator=generator)
    if peaked:
        scores = torch.randn(rois, num_classes, generator=generator).mul(3).softmax(dim=0)
    return corners.flatten(1), scores


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rois', type=int, default=2000)
    parser.add_argument('--classes', type=int, default=20)
    parser.add_argument('--positive', type=int, default=3, help='classes in the image')
    parser.add_argument('--repeat', type=int, default=5, help='the fastest of so many runs counts')
    args = parser.parse_args()
    labels = (torch.arange(args.classes) < args.positive).float()
    present = range(args.positive)
    print(f'{args.rois} proposals, {args.positive} of {args.classes} classes in the image, CPU, ms')
    for kind in ('peaked', 'flat'):
        boxes, scores = random_image(args.rois, args.classes, kind == 'peaked')
        arrays = boxes.numpy(), scores.numpy(), labels.numpy()
        ours = fastest(lambda b=boxes, s=scores: pcl_seeds(b, s, labels), args.repeat)
        literal = fastest(lambda a=arrays: pcl_centres(*a), args.repeat)
        static = fastest(lambda b=boxes, s=scores: _pcl_seeds_static(b, s, labels, present), 1)
        agree = np.array_equal(pcl_seeds(boxes, scores, labels).indices.numpy(), pcl_centres(*arrays)[0])
        print(f'{kind} scores')
        print(f'{"pcl, ours":>30}: {ours:.2f}')
        print(f'{"pcl, scikit-learn":>30}: {literal:.2f}')
        print(f'{"scikit-learn / ours":>30}: {literal / ours:.2f}')
        print(f'{"same seeds":>30}: {agree}')
        print(f'{"pcl, path for GPUs":>30}: {static:.2f}')
        one = fastest(lambda s=scores[:, 0]: top_cluster(s), args.repeat)
        print(f'{"of it 3-means of one class":>30}: {one:.2f}')
        mist = fastest(lambda b=boxes, s=scores: mist_seeds(b, s, labels), args.repeat)
        print(f'{"mist, ours":>30}: {mist:.2f}')


if __name__ == '__main__':
    main()
