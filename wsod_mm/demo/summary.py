"""``summary.json``: everything that the report and the tables say, as data."""

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

import wsod_mm
from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.evaluation import AnnotatedImages, centre_box_baseline
from wsod_mm.functional.detection_metrics import image_level_average_precision
from wsod_mm.pipeline.pipeline import available_cores
from wsod_mm.proposals.image_source import ImageSource
from wsod_mm.utils.io import write_json

from .curves import read_scalars, smooth
from .data_stages import YEAR, join_splits
from .options import LadderOptions
from .results import detector_results, train_seconds

__all__ = ['summarise']

_TITLES = {'classifier': 'Classifier', 'wsddn': 'WSDDN', 'oicr': 'OICR'}
_NOTES = {
    'wsddn': 'each proposal weighed against the others, class by class',
    'oicr': 'WSDDN plus branches that learn from its best boxes',
}


def summarise(options: LadderOptions, data_root: Path, data_folder: Path, folder: Path, classes: list[str]) -> None:
    """Collect the results of a ladder and write ``<folder>/summary.json``.

    The file has: ``title``, ``lead``, ``created``, ``version``, ``command``, ``facts`` (name -> text), ``classes``,
    ``seed``, ``data_seed``; ``methods``: list of ``{key, name, short, kind, note, mAP_11pt, mAP_area, CorLoc,
    ap_11pt, ap_area, corloc, seconds}``, percent, some with ``*_std``; ``classifier``: ``{mAP, ap, seconds}``;
    ``proposals``: ``{per_image, recall}``; ``charts``: curves; ``part_whole``: statistics per detector (MiniVOC
    only); ``detections``: files for the gallery, relative to ``folder``; ``stages``: ``{name, seconds}``.

    Args:
        options: The options of the ladder.
        data_root: Folder that holds the devkit.
        data_folder: Where the stages of the data are.
        folder: Where the stages of this training seed are.
        classes: Names of the classes.
    """
    chance = _read(data_folder / 'baselines' / 'baselines.json')
    recall = _read(data_folder / 'recall' / 'recall.json')
    with np.load(folder / 'classifier_test' / 'predictions.npz') as data:
        labels = {key: data[key] for key in ('ids', 'scores', 'targets')}
    methods = [
        {
            'key': 'random',
            'name': 'Random proposals',
            'short': 'random',
            'kind': 'chance',
            'note': f'proposals scored by dice, mean of {options.baseline_seeds} throws',
            **chance['random'],
        },
        {
            'key': 'centre',
            'name': 'Centre box',
            'short': 'centre',
            'kind': 'chance',
            'note': f'the middle {chance["centre"]["fraction"]:.0%} of every image, for every class',
            **chance['centre'],
        },
        {
            'key': 'classifier_centre',
            'name': 'Classifier + centre box',
            'short': 'cls + centre',
            'kind': 'chance',
            'note': 'the same box, scored by the image classifier: knows what, not where',
            **_classifier_centre(options, data_root, classes, labels, chance),
        },
    ]
    detections, parts = {}, {}
    for key in ('wsddn', 'oicr'):
        results = detector_results(folder, key, data_root, classes)
        methods.append(
            {
                'key': key,
                'name': _TITLES[key],
                'short': _TITLES[key],
                'kind': 'detector',
                'note': _NOTES[key],
                **results.numbers,
                'seconds': train_seconds(folder / key),
            }
        )
        detections[_TITLES[key]] = os.path.join(f'{key}_test', 'predictions.npz')
        if results.part_whole is not None:
            parts[_TITLES[key]] = results.part_whole
    ap = 100 * image_level_average_precision(labels['scores'], labels['targets'])
    images = chance['images']
    summary = {
        'title': options.title,
        'lead': 'WSDDN and OICR were told which classes are in an image, never where. This page shows what they found '
        'in images that they had not seen.',
        'created': datetime.now(timezone.utc).isoformat(timespec='minutes'),
        'version': wsod_mm.__version__,
        'command': 'python tools/demo.py',
        'seed': options.seed,
        'data_seed': options.data_seed,
        'classes': classes,
        'facts': {
            'images to learn from': images['trainval'],
            'test images': images['test'],
            'classes': len(classes),
            'seed': options.seed,
            'cores': available_cores(),
            'torch': str(torch.__version__),
        },
        'methods': methods,
        'classifier': {'mAP': float(np.nanmean(ap)), 'ap': ap, 'seconds': train_seconds(folder / 'classifier')},
        'proposals': {
            'per_image': recall['boxes_per_image'],
            'recall': [
                {'iou': iou, 'at': recall['ks'], 'recall': values}
                for iou, values in zip(recall['ious'], recall['recall'], strict=True)
            ],
        },
        'charts': _charts(folder),
        'part_whole': parts,
        'detections': detections,
        'stages': _stages(data_folder, ('minivoc', 'proposals', 'recall', 'baselines'))
        + _stages(
            folder,
            (
                'classifier',
                'classifier_test',
                'wsddn',
                'wsddn_test',
                'wsddn_corloc',
                'oicr',
                'oicr_test',
                'oicr_corloc',
            ),
        ),
    }
    write_json(summary, folder / 'summary.json')


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding='utf-8'))


def _stages(folder: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    paths = [(name, folder / name / 'stage.json') for name in names]
    return [{'name': name, 'seconds': _read(path)['seconds']} for name, path in paths if path.is_file()]


def _classifier_centre(
    options: LadderOptions, data_root: Path, classes: list[str], labels: dict[str, np.ndarray], chance: dict[str, Any]
) -> dict[str, Any]:
    images = AnnotatedImages.from_source(ImageSource.from_voc(data_root / YEAR, 'test'), classes)
    scores = dict(zip(labels['ids'].tolist(), labels['scores'], strict=True))
    prior = np.stack([scores[image_id] for image_id in images.ids])
    result = centre_box_baseline(images, prior, chance['centre']['fraction'], seeds=[0])
    # the same boxes in the same images as without the classifier
    result = {key: value for key, value in result.items() if not key.endswith('_std')}
    return {**join_splits(result, {key: chance['centre'][key] for key in ('CorLoc', 'corloc')})}


def _charts(folder: Path) -> list[dict[str, Any]]:
    """Losses of all rungs; validation where there was more than one."""
    charts = []
    for title, keys in (('Loss of the detectors', ('wsddn', 'oicr')), ('Loss of the classifier', ('classifier',))):
        curves = []
        for key in keys:
            x, y = smooth(*read_scalars(folder / key / 'run'))
            curves.append({'name': _TITLES[key], 'x': x, 'y': y})
        charts.append({'title': title, 'x_label': 'iteration', 'y_label': '', 'curves': curves})
    curves = []
    for key in ('wsddn', 'oicr'):
        history = read_results(folder / key / 'run').get('val_history', [])
        points = [(entry['epoch'], entry['metrics'].get('voc/mAP_11pt')) for entry in history]
        if len(points) > 1:
            curves.append({'name': _TITLES[key], 'x': [x for x, _ in points], 'y': [y for _, y in points]})
    if curves:
        charts.append({'title': 'mAP on validation images', 'x_label': 'epoch', 'y_label': '%', 'curves': curves})
    return charts
