"""Stage ``evaluate``: IoU of all label maps, sweep of the CAMs' background, AP of instances, as ``metrics.json``."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wsod_mm.datasets.instance_file import read_instances
from wsod_mm.evaluation.mask_ap_metric import mask_ap_details
from wsod_mm.evaluation.seg_folders import evaluate_cam_folder, evaluate_label_folder
from wsod_mm.functional.confusion import label_table
from wsod_mm.functional.mask_ap import ImageOverlaps, overlaps_of_image
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.utils.io import write_json
from wsod_mm.utils.label_png import read_label_png

from ..config import WeakSegConfig
from ..file_digest import file_digest
from ..image_lists import ImageLists
from ..label_sources import label_sources

__all__ = ['evaluate_stage', 'true_objects']


def evaluate_stage(config: WeakSegConfig) -> Stage:
    """Measure everything on the list ``eval``.

    ``metrics.json`` holds ``classes`` (without background), ``num_images``, ``crf_backend``, ``truth`` (where the
    true label maps are and how they are read), ``sources`` (for CAMs at
    the fixed background and every label map: ``key``, ``name`` and what
    :func:`wsod_mm.evaluation.voc_iou_metric.iou_details` gives), ``cam_sweep`` (``threshold`` and IoU per class of
    every background), ``cam_best`` (the best of them: chosen with the masks) and ``instances`` (``null`` or what
    :func:`wsod_mm.evaluation.mask_ap_metric.mask_ap_details` gives).

    Args:
        config: The pipeline; with ``ground_truth``.
    """
    sources = label_sources(config)
    with_instances = config.irn is not None and config.irn.instances and config.ground_truth.objects is not None

    def action(run: StageRun) -> None:
        images = ImageLists.read(run.root / 'images' / 'images.json')
        ids = images.lists['eval']
        truth = _truth(config)
        steps = len(sources) + 2
        run.report(0.0, 'CAM')
        fixed, *sweep = evaluate_cam_folder(
            run.root / 'cam' / 'maps', image_ids=ids, thresholds=(config.cam.background, *config.cam.sweep), **truth
        )
        results = [{'key': 'cam', 'name': 'CAM', **fixed}]
        for number, source in enumerate(sources, 1):
            run.report(number / steps, source.name)
            found = evaluate_label_folder(run.root / source.folder, image_ids=ids, **truth)
            results.append({'key': source.key, 'name': source.name, **found})
        run.report(1 - 1 / steps, 'instances')
        instances = _instances(config, run.root / 'ins_seg', ids) if with_instances else None
        short = ('threshold', 'mIoU', 'iou')
        metrics: dict[str, Any] = {
            'classes': images.classes,
            'num_images': len(ids),
            'crf_backend': config.crf.backend,
            'truth': {**truth, 'gt_dir': str(truth['gt_dir'])},
            'sources': results,
            'cam_sweep': [{key: entry[key] for key in short} for entry in sweep],
            'cam_best': {key: max(sweep, key=lambda entry: entry['mIoU'])[key] for key in short},
            'instances': instances,
        }
        write_json(metrics, run.folder / 'metrics.json')
        run.report(1.0, ', '.join(f'{entry["name"]} {entry["mIoU"]:.1f}' for entry in results))

    needs = ['cam', *(source.key for source in sources), *(['ins_seg'] if with_instances else [])]
    return Stage(
        'evaluate',
        action,
        ('metrics.json',),
        tuple(needs),
        {
            'background': config.cam.background,
            'thresholds': config.cam.thresholds,
            'truth': dataclasses.asdict(config.ground_truth),
            'list': file_digest(config.under_data_root(config.lists['eval'])),
        },
        seconds=120,
        after=('images',),
    )


def true_objects(config: WeakSegConfig, img_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Masks and classes of the objects in an image.

    The class of an object is the one that most of its pixels have in the label map; objects of classes that the data
    set lacks are left out.

    Args:
        config: The pipeline; with ``ground_truth.objects``.
        img_id: The image.

    Returns:
        ``[M, H, W]`` bool and ``[M]`` int64, class ids from 0.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, or the two differ in size.
    """
    truth = config.ground_truth
    path = config.under_data_root(truth.objects) / f'{img_id}.png'
    objects = read_label_png(path)
    label = read_label_png(config.under_data_root(truth.folder) / f'{img_id}.png')
    if objects.shape != label.shape:
        raise ValueError(f'{path} is {objects.shape} pixels, the label map of image {img_id!r} is {label.shape}')
    if truth.classes is not None:
        table = label_table(truth.classes, config.classes, 255)
        label = table[torch.from_numpy(label).long()].numpy()
    masks, labels = [], []
    for number in np.setdiff1d(objects, (0, 255)):
        mask = objects == number
        counts = np.bincount(label[mask], minlength=257)[1 : len(config.classes) + 1]
        if counts.any():
            masks.append(mask)
            labels.append(counts.argmax())
    empty = np.zeros((0, *objects.shape), bool)
    return np.stack(masks) if masks else empty, np.array(labels, np.int64)


def _truth(config: WeakSegConfig) -> dict[str, Any]:
    truth = config.ground_truth
    return {
        'gt_dir': config.under_data_root(truth.folder).resolve(),
        'classes': config.classes,
        'gt_classes': truth.classes,
        'gt_other': truth.other_label,
    }


def _instances(config: WeakSegConfig, folder: Path, ids: tuple[str, ...]) -> dict[str, Any]:
    overlaps: list[ImageOverlaps] = []
    for img_id in ids:
        path = folder / 'instances' / f'{img_id}.npz'
        found, (masks, labels) = read_instances(path), true_objects(config, img_id)
        try:
            overlaps.append(overlaps_of_image(found.masks, found.labels, found.scores, masks, labels))
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
    return mask_ap_details(overlaps, config.classes)
