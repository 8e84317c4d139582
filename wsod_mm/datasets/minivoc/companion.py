"""An object-centric set of other classes: the stand-in for ImageNet, one folder per class."""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np

from wsod_mm.utils.io import write_json

from .config import MiniVOCConfig
from .devkit import write_jpeg
from .generate import FORMAT, MANIFEST, claim_folder, map_parallel
from .scene import paint_scene
from .species import COMPANION_SPECIES

__all__ = ['generate_companion']


def generate_companion(
    root: str | os.PathLike,
    config: MiniVOCConfig | None = None,
    per_class: int = 50,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write pictures of one large, unoccluded creature each, of classes that MiniVOC does not have.

    The layout is ``<root>/<class>/<number>.jpg``. Interrupting and repeating work as in
    :func:`~wsod_mm.datasets.minivoc.generate_minivoc`.

    Args:
        root: Folder of the set; made when missing.
        config: Dials of backgrounds, clutter and creatures; number, scale and hiding of objects are
            replaced.
        per_class: Pictures per class.
        workers: Number of processes, default one per available core.
        progress: Whether to show a progress bar.

    Returns:
        ``root``.

    Raises:
        FileExistsError: ``root`` holds a data set of other parameters, or files of something else.
        ValueError: ``per_class`` is not positive.
    """
    if per_class < 1:
        raise ValueError(f'per_class={per_class!r}: must be 1 or more')
    root = Path(root)
    config = dataclasses.replace(
        config or MiniVOCConfig(),
        main_scale=(0.5, 0.9),
        max_extra_objects=0,
        hidden_head_prob=0.0,
        headless_prob=0.0,
        occluder_prob=0.0,
        truncated_prob=0.0,
    )
    parameters = {
        'kind': 'companion',
        'format': FORMAT,
        'per_class': per_class,
        **dataclasses.asdict(config),
    }
    if claim_folder(root, parameters):
        return root
    jobs = [(label, number) for number in range(per_class) for label in range(len(COMPANION_SPECIES))]
    map_parallel(
        functools.partial(_make_picture, root=root, config=config),
        jobs,
        workers,
        'Companion set' if progress else None,
    )
    classes = [species.name for species in COMPANION_SPECIES]
    write_json({'complete': True, 'parameters': parameters, 'classes': classes}, root / MANIFEST)
    return root


def _make_picture(job: tuple[int, int], root: Path, config: MiniVOCConfig) -> None:
    """Paint and write one picture; ``job`` is class index and number within the class."""
    label, number = job
    species = COMPANION_SPECIES[label]
    # 3 follows the numbers of MiniVOC's splits, so that no scene of the two sets is alike
    rng = np.random.default_rng([config.seed, 3, label, number])
    scene = paint_scene(rng, config, (species,))
    write_jpeg(scene.image, root / species.name / f'{number + 1:05d}.jpg', config.jpeg_quality)
