"""The pipeline as a table of contents."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from wsod_mm.pipeline.pipeline import Pipeline, available_cores
from wsod_mm.pipeline.stage import Stage, StageFolder

from .config import WeakSegConfig, load_weak_seg_config
from .stages import (
    affinity_stage,
    cam_crf_stage,
    cam_stage,
    classifier_stage,
    crf_labels_stage,
    evaluate_stage,
    export_stage,
    images_stage,
    ins_seg_stage,
    ir_labels_stage,
    irn_stage,
    report_stage,
    sem_seg_stage,
    walk_stage,
)

__all__ = ['make_pipeline', 'run_weak_seg', 'weak_seg_stages']


def weak_seg_stages(config: WeakSegConfig, device: str = 'cpu', threads: int = 1) -> list[Stage]:
    """Everything that a config asks for, in order.

    Args:
        config: The pipeline.
        device: Where networks run in the image-wise stages.
        threads: Threads of each training. One gives the same bits on any number of cores.

    Returns:
        The stages; the name of each is its folder.
    """
    psa, irn = config.affinitynet, config.irn
    stages = [images_stage(config)]
    if config.classifier_checkpoint is None:
        stages.append(classifier_stage(config, threads))
    stages.append(cam_stage(config, device))
    if config.cam_crf is not None:
        stages.append(cam_crf_stage(config, device))
    train_psa, train_irn = (method is not None and method.checkpoint is None for method in (psa, irn))
    if train_psa:
        stages.append(crf_labels_stage(config, device))
    if train_irn:
        stages.append(ir_labels_stage(config, device))
    # after all that use the whole machine, so that both can go at the same time
    if train_psa:
        stages.append(affinity_stage(config, threads))
    if train_irn:
        stages.append(irn_stage(config, threads))
    if psa is not None:
        stages.append(walk_stage(config, device))
    if irn is not None:
        stages.append(sem_seg_stage(config, device))
        if irn.instances:
            stages.append(ins_seg_stage(config, device))
    stages.append(export_stage(config))
    if config.ground_truth is not None:
        stages.append(evaluate_stage(config))
    stages.append(report_stage(config))
    return stages


def run_weak_seg(
    config: str | os.PathLike | Config | WeakSegConfig,
    work_dir: str | os.PathLike,
    only: Sequence[str] | None = None,
    workers: int | None = None,
    device: str = 'auto',
    threads: int = 1,
    options: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Make what is not there yet: label maps and instances from image labels.

    Every stage has a folder below ``work_dir`` and is skipped when that is complete. A killed run goes on where it was,
    also within a stage. When a setting changes, what depends on it is made again.

    Args:
        config: A config with ``weak_seg``, see :func:`.config.load_weak_seg_config`.
        work_dir: Where the stages' folders are.
        only: Names of stages to bring about, with those that they need; default all.
        workers: Processes of a stage; default the cores. Files do not depend on it.
        device: Where networks run in the image-wise stages: ``'auto'``, ``'cuda'``, ``'cuda:1'``, ``'cpu'``. Trainings
            choose their own.
        threads: Threads of each training.
        options: Dotted key -> value, written over the config.

    Returns:
        Seconds that each stage took.

    Raises:
        FileNotFoundError: If a config or weights are missing.
        StageError: If a stage failed; the message names it, and the images.
        ValueError: If a field of the config is wrong, or ``only`` names an unknown stage.
    """
    if not isinstance(config, WeakSegConfig):
        config = load_weak_seg_config(config, options)
    pipeline = make_pipeline(config, work_dir, workers, device, threads)
    _check_weights(pipeline, only)
    return pipeline.run(only)


def make_pipeline(
    config: WeakSegConfig,
    work_dir: str | os.PathLike,
    workers: int | None = None,
    device: str = 'auto',
    threads: int = 1,
) -> Pipeline:
    """The stages in their folder, ready to run; see :func:`run_weak_seg`.

    Raises:
        ValueError: If the device is not there, or ``workers`` is not positive.
    """
    if workers is not None and workers < 1:
        raise ValueError(f'workers={workers!r}: must be at least 1')
    if device == 'auto':
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise ValueError(f"device={device!r}: PyTorch finds no GPU here; take 'cpu', or 'auto'")
    cores = workers or available_cores()
    # two trainings share cores, but hardly a GPU
    slots = 1 if torch.cuda.is_available() else min(2, cores)
    return Pipeline(weak_seg_stages(config, device, threads), Path(work_dir).resolve(), slots, cores=cores)


def _check_weights(pipeline: Pipeline, only: Sequence[str] | None) -> None:
    """Look for the weights that trainings begin with before hours are spent on what comes before these."""
    for stage in pipeline.wanted(only):
        training = stage.params.get('config') or {}
        path = training.get('load_from')
        done = StageFolder(pipeline.root, stage).record().get('state') == 'done'
        if path and '://' not in path and not done and not Path(path).is_file():
            raise FileNotFoundError(
                f'stage {stage.name!r}: its training config begins with load_from={path!r}, which does not exist; make '
                'it with tools/convert_weights.py as the config says, or correct load_from'
            )
