"""What a training step of CASD costs, stage by stage, beside literal versions of its parts.

Every ratio is ours / literal. FLOPs and memory of the head are counted on fake tensors in full size (1000 proposals in
4 views, VGG16), which takes seconds on any machine. One unit of FLOPs is a forward pass of fc6 and fc7 on all 4000
RoIs, .96 TFLOP. Times are those of a smaller network, of ring pooling and of mining.

Example:
    python tools/benchmarks/bench_mil.py --json work_dirs/bench_mil.json
    python tools/benchmarks/bench_mil.py --device cuda --full --trace-sync
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import torch
from casd_case import FULL, Case, backward, build_head, fixed_seeds, literal_losses, our_losses, static_seeds
from torch._subclasses.fake_tensor import FakeTensorMode

from wsod_mm.ops.ring_benchmark import benchmark_ring_pool
from wsod_mm.utils.measure import FlopStages, MemoryStages, SyncTrace, TimeStages

MAX_UNITS = 11.5
MAX_MEMORY = 0.6
MIN_POOLING = 5.0
SIDES = {'ours': our_losses, 'literal': literal_losses}


def count_flops(case: Case) -> dict[str, dict[str, float]]:
    """FC units of a step, forward and backward, by stage, ``ours`` and ``literal``; needs neither time nor memory."""
    units = {}
    for side, losses in SIDES.items():
        with FakeTensorMode():
            head, inputs = build_head(case), case.inputs()
            head.miner = fixed_seeds
            with FlopStages() as meter:
                backward(losses(head, inputs.with_gradient(), meter.stage))
        units[side] = {stage: flops / case.unit for stage, flops in meter.flops.items() if flops}
        units[side]['total'] = sum(units[side].values())
    return units


def count_memory(case: Case) -> dict[str, dict[str, float]]:
    """Most MiB that tensors of a step take at one time, pooled features of three rings included.

    ``head step`` is without parameters and their gradients, ``with parameters`` with both; the parts that begin with
    ``of it`` add up to ``head step``.
    """
    peaks = {}
    for side, losses in SIDES.items():
        with FakeTensorMode():
            head, inputs = build_head(case), case.inputs()
            head.miner = fixed_seeds
            with MemoryStages(head.parameters()) as meter:
                meter.add(inputs.pooled.values(), 'pooled features')
                inputs = inputs.with_gradient()
                result = losses(head, inputs, meter.stage)
                del inputs  # the graph keeps what it needs
                backward(result)
                del result
        parts = Counter()
        for (stage, _), size in meter.peak_parts.items():
            parts[f'of it {stage}'] += size / 2**20
        peaks[side] = {
            'head step': meter.peak / 2**20,
            **{name: size for name, size in parts.items() if size >= 1},
            'with parameters': meter.total_peak / 2**20,
        }
    return peaks


def measure_time(case: Case, device: str = 'cpu', repeat: int = 2) -> dict[str, dict[str, float]]:
    """Milliseconds of a step, forward and backward, by stage, of the fastest of ``repeat`` runs; both mine as we do.

    On a GPU also ``peak MiB``: what the allocator gave at most, with parameters.
    """
    times = {}
    for side, losses in SIDES.items():
        torch.manual_seed(0)
        head, runs, peak = build_head(case).to(device), [], {}
        for _ in range(repeat):
            inputs = case.inputs(device).with_gradient()
            head.zero_grad()
            if device.startswith('cuda'):
                torch.cuda.reset_peak_memory_stats()
            clock = TimeStages(device)
            with clock.stage('rest'):
                backward(losses(head, inputs, clock.stage), clock.stage)
            runs.append({stage: seconds * 1e3 for stage, seconds in clock.seconds.items()})
            if device.startswith('cuda'):
                peak = {'peak MiB': torch.cuda.max_memory_allocated() / 2**20}
        best = min(runs, key=lambda run: sum(run.values()))
        times[side] = {**best, 'total': sum(best.values()), **peak}
    return times


def trace_synchronisation(case: Case, device: str = 'cpu') -> dict[str, int]:
    """Operators of our step that wait for a GPU, ``'stage: operator'`` -> how often.

    On a GPU the first one raises a RuntimeError that says where; on the CPU the miner runs its path for GPUs.
    """
    head, inputs = build_head(case).to(device), case.inputs(device).with_gradient()
    if device.startswith('cuda'):
        torch.cuda.set_sync_debug_mode('error')
        try:
            backward(our_losses(head, inputs))
        finally:
            torch.cuda.set_sync_debug_mode('default')
        return {}
    head.miner = static_seeds
    with SyncTrace() as trace:
        backward(our_losses(head, inputs, trace.stage))
    return {f'{stage}: {name}': times for (stage, name), times in trace.waits.items()}


def measure_pooling(device: str = 'cpu', rois: int = 20, channels: int = 64) -> dict[str, dict[str, float]]:
    """Milliseconds of ring pooling, beside a loop over RoIs and bins on the CPU."""
    result = benchmark_ring_pool((1, channels, 30, 40), rois, repeat=2, device=device)
    names = ('forward', 'backward')
    times = {
        side: {name: result[f'{prefix}{name} ms'] for name in names}
        for side, prefix in (('ours', ''), ('literal', 'loop '))
    }
    for side in times.values():
        side['total'] = sum(side.values())
    return times


def measure_mining(rois: int = 2000, positive: int = 3, repeat: int = 3) -> dict[str, dict[str, float]]:
    """Milliseconds of PCL's miner on the CPU, beside scikit-learn's k-means (n_init=10), and ``same seeds``: 1 if so.

    Two kinds of scores, see ``bench_mining.py``. Empty without scikit-learn.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return {}
    from bench_mining import fastest, random_image
    from literal.pcl_sklearn import pcl_centres

    from wsod_mm.functional.pcl_mining import pcl_seeds

    times = {'ours': {}, 'literal': {}}
    labels = (torch.arange(20) < positive).float()
    for kind in ('peaked', 'flat'):
        boxes, scores = random_image(rois, 20, kind == 'peaked')
        arrays = boxes.numpy(), scores.numpy(), labels.numpy()
        times['ours'][kind] = fastest(lambda b=boxes, s=scores: pcl_seeds(b, s, labels), repeat)
        times['literal'][kind] = fastest(lambda a=arrays: pcl_centres(*a), repeat)
        same = pcl_seeds(boxes, scores, labels).indices.tolist() == pcl_centres(*arrays)[0].tolist()
        for side in times.values():
            side[f'{kind}, same seeds'] = float(same)
    return times


def show(title: str, sides: Mapping[str, Mapping[str, float]]) -> None:
    """Print one table: name, ours, literal, and their ratio."""
    print(f'\n{title}\n{"":>24}{"ours":>12}{"literal":>12}{"ratio":>8}')
    for name in dict.fromkeys([*sides['ours'], *sides['literal']]):
        ours, literal = (sides[side].get(name, 0.0) for side in ('ours', 'literal'))
        ratio = f'{ours / literal:8.3f}' if literal else f'{"-":>8}'
        print(f'{name:>24}{ours:12.2f}{literal:12.2f}{ratio}')


def judge(text: str, value: float, kept: bool) -> None:
    """Print whether a limit is kept."""
    print(f'    {text}: {value:.2f}, {"kept" if kept else "NOT KEPT"}')


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--proposals', type=int, default=1000, help='of the timed step, in each view')
    parser.add_argument('--views', type=int, default=4)
    parser.add_argument('--channels', type=int, default=32, help='of the timed step')
    parser.add_argument('--fc', type=int, default=256, help='width of fc6 and fc7 of the timed step')
    parser.add_argument('--full', action='store_true', help='time the full size: minutes and 6 GB on a CPU')
    parser.add_argument('--repeat', type=int, default=2, help='the fastest of so many runs counts')
    parser.add_argument('--device', default='cpu', help='of the timed step and of our ring pooling')
    parser.add_argument('--trace-sync', action='store_true', help='list operators of our step that wait for a GPU')
    parser.add_argument('--json', type=Path, help='write the numbers here')
    args = parser.parse_args()
    case = FULL if args.full else Case(args.proposals, args.views, args.channels, args.fc)

    result = {'flops': count_flops(FULL), 'memory': count_memory(FULL)}
    show(f'FC units of a step, {FULL.proposals} proposals, {FULL.views} views, forward and backward', result['flops'])
    units = result['flops']['ours']['total']
    judge(f'at most {MAX_UNITS}', units, units <= MAX_UNITS)
    show('most memory of a step, MiB, the same size, float32', result['memory'])
    share = result['memory']['ours']['head step'] / result['memory']['literal']['head step']
    judge(f'head step: at most {MAX_MEMORY} of the literal one', share, share <= MAX_MEMORY)

    result['time'] = measure_time(case, args.device, args.repeat)
    show(f'time of a step, ms, {case}, {args.device}', result['time'])
    result['pooling'] = measure_pooling(args.device)
    show(f'ring pooling of 20 RoIs x 3 rings, ms, ours on {args.device}, loop on the CPU', result['pooling'])
    faster = result['pooling']['literal']['total'] / result['pooling']['ours']['total']
    judge(f'at least {MIN_POOLING} times as fast', faster, faster >= MIN_POOLING)
    result['mining'] = measure_mining()
    if result['mining']:
        show('PCL mining of 2000 proposals, 3 classes in the image, ms, CPU', result['mining'])
    else:
        print('\nPCL mining: left out, scikit-learn is not installed (pip install -r requirements/dev.txt)')
    if args.trace_sync:
        result['waits'] = trace_synchronisation(case, args.device)
        print('\noperators of our step that wait for a GPU:', result['waits'] or 'none')
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
