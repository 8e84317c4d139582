"""What MI-AOD's network costs in a pair of steps and in scoring, beside the same network under a plain loss.

Times on the CPU are those that the process spent, which other programs change less than those of the clock.
"""

import contextlib
import io
import logging
import time
from collections.abc import Callable
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor, multiprocessing, nn
from torch.utils.flop_counter import FlopCounterMode

from wsod_mm.registry import MODELS
from wsod_mm.utils.paths import config_dir

__all__ = ['measure_pair', 'measure_score_pass', 'measure_split']

TRAINED = ('g', 'f1', 'f2', 'f_r', 'f_mil')

Rows = dict[str, dict[str, float]]


def model_config(depth: int) -> Any:
    """RetinaNet's model config of MI-AOD without pre-trained weights."""
    model = Config.fromfile(config_dir() / '_base_' / 'models' / 'miaod_retinanet_r50_fpn.py').model
    model.backbone.update(init_cfg=None, depth=depth)
    if depth < 50:
        model.neck.in_channels = [64, 128, 256, 512]
    return model


def build(depth: int, device: str) -> nn.Module:
    """MI-AOD's detector, with random weights."""
    torch.manual_seed(0)
    model = MODELS.build(model_config(depth))
    logging.disable(logging.INFO)  # MMEngine says two lines per weight, to its logger, or prints them if it has none
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            model.init_weights()
    finally:
        logging.disable(logging.NOTSET)
    return model.to(device)


def build_plain_head(depth: int, device: str) -> nn.Module:
    """RetinaNet's own head with the settings of MI-AOD's."""
    model = model_config(depth)
    head = {k: v for k, v in model.bbox_head.items() if k not in ('_scope_', 'param_lambda', 'uncertainty')}
    return MODELS.build({**head, 'type': 'RetinaHead', 'train_cfg': model.train_cfg}).to(device)


def samples(count: int, height: int, width: int, labeled: bool, device: str) -> list[DetDataSample]:
    """Made-up images with two objects each, or without annotation."""
    meta = dict(img_shape=(height, width), pad_shape=(height, width), ori_shape=(height, width), labeled=labeled)
    boxes = torch.tensor([[0.1, 0.1, 0.5, 0.6], [0.3, 0.2, 0.9, 0.9]]) * torch.tensor([width, height] * 2)
    objects = dict(bboxes=boxes, labels=torch.tensor([1, 3])) if labeled else {}
    found = [DetDataSample(metainfo=meta) for _ in range(count)]
    for sample in found:
        sample.gt_instances = InstanceData(**objects).to(device)
    return found


def compare(rows: dict[str, Callable[[], None]], reference: str, repeat: int, device: str) -> Rows:
    """Run all in turns, so that a slow moment of the machine hits all of them.

    Returns:
        Row -> ``ms`` of the fastest run, ``ratio`` to the reference, ``GFLOP``.
    """
    times: dict[str, list[float]] = {name: [] for name in rows}
    flops = {}
    for turn in range(repeat + 1):
        for name, run in rows.items():
            if turn == 0:  # also warms up
                with FlopCounterMode(display=False) as counter:
                    run()
                flops[name] = counter.get_total_flops() / 1e9
            else:
                times[name].append(_spent(run, device))
    best = {name: min(values) for name, values in times.items()}
    return {name: {'ms': ms, 'ratio': ms / best[reference], 'GFLOP': flops[name]} for name, ms in best.items()}


def measure_pair(
    height: int = 256, width: int = 320, batch: int = 2, depth: int = 50, repeat: int = 3, device: str = 'cpu'
) -> Rows:
    """A labeled and an unlabeled step (forward and backward) of MI-AOD, beside two of the same network.

    The other side evaluates all four towers as well, and puts RetinaNet's loss on the mean of the three that classify
    and on the regressor, so that the difference is what MI-AOD's losses cost. As they are trained, "min" and "max"
    leave out the gradients of what they freeze; "all trained" does not, as the other side.

    Returns:
        See :func:`compare`; rows "two plain steps" (the reference), "two of RetinaNet" (without the two more towers),
        "min", "max", "min, all trained" and "max, all trained".
    """
    model, plain_head = build(depth, device).train(), build_plain_head(depth, device)
    images = torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1)).to(device)
    labeled, unlabeled = (samples(batch, height, width, flag, device) for flag in (True, False))
    objects, metas = [s.gt_instances for s in labeled], [s.metainfo for s in labeled]
    usual = dict(model.trainable)

    def step(losses: dict[str, Tensor | list[Tensor]]) -> None:
        model.zero_grad(set_to_none=True)
        sum(sum(v) if isinstance(v, list) else v for v in losses.values()).backward()

    def plain() -> None:
        model.set_stage('label')
        for _ in range(2):
            f1, f2, f_r, f_mil = model.bbox_head(model.extract_feat(images))
            scores = [sum(level) / 3 for level in zip(f1, f2, f_mil, strict=True)]
            step(plain_head.loss_by_feat(scores, f_r, objects, metas))

    def retina() -> None:
        model.set_stage('label')
        for _ in range(2):
            step(plain_head.loss_by_feat(*plain_head(model.extract_feat(images)), objects, metas))

    def pair(stage: str, trained: tuple[str, ...] | None = None) -> None:
        model.trainable = {**usual, stage: trained or usual[stage]}
        model.set_stage(stage)
        step(model.loss(images, labeled))
        step(model.loss(images, unlabeled))

    rows = {
        'two plain steps': plain,
        'two of RetinaNet': retina,
        'min': lambda: pair('min'),
        'max': lambda: pair('max'),
        'min, all trained': lambda: pair('min', TRAINED),
        'max, all trained': lambda: pair('max', TRAINED),
    }
    return compare(rows, 'two plain steps', repeat, device)


@torch.no_grad()
def measure_score_pass(
    height: int = 256, width: int = 320, depth: int = 50, repeat: int = 3, device: str = 'cpu'
) -> Rows:
    """Uncertainty of an image, which needs two towers, beside evaluating all four without computing anything from them.

    Returns:
        See :func:`compare`; rows "all towers" (the reference) and "scoring".
    """
    model = build(depth, device).eval()
    image = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(1)).to(device)
    rows = {
        'all towers': lambda: model.bbox_head(model.extract_feat(image)),
        'scoring': lambda: model.uncertainty(image),
    }
    return compare(rows, 'all towers', repeat, device)


def measure_split(images: int = 8, height: int = 256, width: int = 320, depth: int = 50) -> Rows:
    """Images scored per second of the clock by one process and by two on the CPU, a thread each.

    Returns:
        Rows "1 process" and "2 processes", with ``images/s`` and ``ratio``.
    """
    rates = {}
    for count in (1, 2):
        context = multiprocessing.get_context('spawn')
        ready, results = context.Barrier(count), context.SimpleQueue()
        work = ready, results, images // count, height, width, depth
        processes = [context.Process(target=_score_part, args=work, daemon=True) for _ in range(count)]
        for process in processes:
            process.start()
        seconds = [results.get() for _ in processes]
        for process in processes:
            process.join()
        rates[count] = images // count * count / max(seconds)
    names = {1: '1 process', 2: '2 processes'}
    return {names[n]: {'images/s': rate, 'ratio': rate / rates[1]} for n, rate in rates.items()}


def _score_part(ready: Any, results: Any, images: int, height: int, width: int, depth: int) -> None:
    torch.set_num_threads(1)
    model, image = build(depth, 'cpu').eval(), torch.randn(1, 3, height, width)
    model.uncertainty(image)
    ready.wait()
    begin = time.perf_counter()
    for _ in range(images):
        model.uncertainty(image)
    results.put(time.perf_counter() - begin)


def _spent(run: Callable[[], object], device: str) -> float:
    """Milliseconds."""
    if not device.startswith('cuda'):
        begin = time.process_time()
        run()
        return (time.process_time() - begin) * 1e3
    torch.cuda.synchronize()
    begin = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) * 1e3
