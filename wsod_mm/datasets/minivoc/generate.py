"""Generation of whole data sets: in parallel, seeded per picture, complete or refused."""

from __future__ import annotations

import dataclasses
import functools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from wsod_mm.utils.io import write_json

from .config import MiniVOCConfig
from .devkit import write_image_sets, write_scene
from .scene import paint_scene
from .species import SPECIES

__all__ = [
    'FORMAT',
    'MANIFEST',
    'YEAR',
    'claim_folder',
    'generate_minivoc',
    'load_parts',
    'map_parallel',
]

FORMAT = 1
"""Raised whenever the same parameters give other pictures than before."""

YEAR = 'VOC2007'
MANIFEST = 'minivoc.json'
"""File in the root folder with the parameters; the data set is complete when it says so."""

_PARTS = 'parts.json'


def generate_minivoc(
    root: str | os.PathLike,
    config: MiniVOCConfig | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a MiniVOC devkit, or return at once where the same one is already complete.

    ``<root>/VOC2007`` has the folders of a VOC devkit. ``<root>/parts.json`` holds what no training
    may read: boxes of heads and bodies (see :func:`load_parts`). ``<root>/minivoc.json`` holds the
    parameters and says whether the data set is complete; an interrupted run is simply started
    again, since every file is written atomically and pictures depend on nothing but the parameters.

    Args:
        root: Folder of the devkit; made when missing.
        config: The dials; default values when ``None``.
        workers: Number of processes, default one per available core. The files do not depend on it.
        progress: Whether to show a progress bar.

    Returns:
        ``<root>/VOC2007``.

    Raises:
        FileExistsError: ``root`` holds a data set of other parameters, or files of something else.
    """
    root, config = Path(root), config or MiniVOCConfig()
    folder = root / YEAR
    parameters = {'kind': 'minivoc', 'format': FORMAT, **dataclasses.asdict(config)}
    if claim_folder(root, parameters):
        return folder
    jobs, members = [], {}
    for number, (split, count) in enumerate(config.splits.items()):
        names = [f'{len(jobs) + i + 1:06d}' for i in range(count)]
        members[split] = names
        jobs += [(name, number, i) for i, name in enumerate(names)]
    members['trainval'] = members['train'] + members['val']
    records = map_parallel(
        functools.partial(_make_picture, folder=folder, config=config),
        jobs,
        workers,
        'MiniVOC' if progress else None,
    )
    classes = [species.name for species in SPECIES]
    states: dict[str, dict[str, int]] = {}
    for name, objects in records:
        state = states.setdefault(name, {})
        for item in objects:
            state[item['name']] = max(state.get(item['name'], 0), int(not item['difficult']))
    write_image_sets(folder, classes, members, states)
    write_json(
        {
            'boxes': 'x1, y1, x2, y2 in pixels, 0-based, inclusive, visible part',
            'images': dict(records),
        },
        root / _PARTS,
        indent=None,
    )
    write_json({'complete': True, 'parameters': parameters, 'classes': classes}, root / MANIFEST)
    return folder


def load_parts(root: str | os.PathLike) -> dict[str, list[dict[str, Any]]]:
    """Read the part boxes of a devkit, for statistics about parts and wholes, never for training.

    Args:
        root: The folder given to :func:`generate_minivoc`.

    Returns:
        Per file stem the objects in the order of the XML: ``name``, ``box``, ``head_box`` and
        ``body_box`` (0-based inclusive ``[x1, y1, x2, y2]``; ``None`` when not visible),
        ``visible``, ``truncated``, ``occluded``, ``difficult``, ``head``.

    Raises:
        FileNotFoundError: No complete MiniVOC at ``root``.
    """
    path = Path(root) / _PARTS
    if not path.is_file():
        raise FileNotFoundError(f'{path}: not found; generate the data set with generate_minivoc({str(root)!r})')
    return json.loads(path.read_text(encoding='utf-8'))['images']


def claim_folder(root: Path, parameters: dict[str, Any]) -> bool:
    """Check what a folder holds and mark it as being filled with one parameter set.

    Args:
        root: The folder; made when missing.
        parameters: What determines the data set's files.

    Returns:
        Whether the data set is already complete.

    Raises:
        FileExistsError: The folder holds another parameter set, or files without a manifest.
    """
    path = root / MANIFEST
    wanted = json.loads(json.dumps(parameters))
    if path.is_file():
        try:
            manifest = json.loads(path.read_text(encoding='utf-8'))
            present, complete = manifest['parameters'], bool(manifest['complete'])
        except (ValueError, KeyError, TypeError) as error:
            raise FileExistsError(
                f'{path}: not a manifest of generated data ({error!r}); delete {root} or choose another folder'
            ) from error
        differing = sorted(k for k in present.keys() | wanted.keys() if present.get(k) != wanted.get(k))
        if differing:
            listing = ', '.join(f'{k}={present.get(k)!r} there, {wanted.get(k)!r} wanted' for k in differing)
            raise FileExistsError(
                f'{root} holds a data set of other parameters ({listing}); delete it or choose another folder'
            )
        return complete
    if root.is_dir() and any(root.iterdir()):
        raise FileExistsError(f'{root} is not empty and has no {MANIFEST}; choose an empty or a new folder')
    write_json({'complete': False, 'parameters': wanted}, path)
    return False


def map_parallel(
    function: Callable[[Any], Any], jobs: Iterable[Any], workers: int | None, title: str | None
) -> list[Any]:
    """Apply a picklable function to all jobs and keep their order.

    Args:
        function: Called once per job.
        jobs: The arguments.
        workers: Number of processes; ``None`` = one per available core; 1 = in this process.
        title: Label of the progress bar, ``None`` for none.

    Returns:
        The results.
    """
    jobs = list(jobs)
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    bar = functools.partial(tqdm, total=len(jobs), desc=title, disable=title is None, unit='picture')
    if workers <= 1 or len(jobs) < 2:
        return list(bar(map(function, jobs)))
    # forked workers need not import everything again
    method = 'fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn'
    with multiprocessing.get_context(method).Pool(workers, initializer=cv2.setNumThreads, initargs=(0,)) as pool:
        return list(bar(pool.imap(function, jobs, chunksize=8)))


def _make_picture(job: tuple[str, int, int], folder: Path, config: MiniVOCConfig) -> tuple[str, list[dict[str, Any]]]:
    """Paint and write one picture; ``job`` is file stem, split, number in the split."""
    name, split, number = job
    scene = paint_scene(np.random.default_rng([config.seed, split, number]), config)
    classes = [species.name for species in SPECIES]
    write_scene(scene, name, folder, classes, config.jpeg_quality)
    objects = []
    for item in scene.objects:
        record = dataclasses.asdict(item)
        objects.append({'name': classes[record.pop('label')], **record})
    return name, objects
