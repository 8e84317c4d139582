"""Images, proposals and what can be measured on them without a model, as stages."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsod_mm.datasets.minivoc import MiniVOCConfig
from wsod_mm.evaluation import (
    AnnotatedImages,
    best_centre_fraction,
    centre_box_baseline,
    random_proposal_baseline,
)
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.proposals.image_source import ImageSource
from wsod_mm.proposals.recall import proposal_recall
from wsod_mm.proposals.store import ProposalStore
from wsod_mm.utils.io import write_json
from wsod_mm.utils.paths import tools_dir

__all__ = ['YEAR', 'baselines_stage', 'minivoc_stage', 'proposals_stage', 'recall_stage']

YEAR = 'VOC2007'


def minivoc_stage(name: str, seed: int, dials: Mapping[str, Any]) -> Stage:
    """Generate MiniVOC with ``tools/make_minivoc.py`` into ``devkit``.

    Args:
        name: Name of the stage.
        seed: Seed of the images.
        dials: Fields of ``MiniVOCConfig`` that differ from the default.
    """
    config = MiniVOCConfig(seed=seed, **dials)

    def action(run: StageRun) -> None:
        words: list[str] = []
        for key, value in {'seed': seed, **dials}.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            words += ['--' + key.replace('_', '-'), *map(str, values)]
        run.command([tools_dir() / 'make_minivoc.py', run.folder / 'devkit', '--workers', str(run.workers), *words])

    return Stage(
        name,
        action,
        ('devkit/minivoc.json', 'devkit/parts.json', f'devkit/{YEAR}/JPEGImages'),
        params=dataclasses.asdict(config),
        seconds=15,
        alone=True,
    )


def proposals_stage(
    name: str, data_root: Path, needs: tuple[str, ...], options: Sequence[str], limits: Mapping[str, Any]
) -> Stage:
    """Generate ``proposals.npz`` for all images of a devkit with ``tools/proposals.py``.

    Args:
        name: Name of the stage.
        data_root: Folder that holds the devkit.
        needs: The stage that makes it, or nothing.
        options: Further options of the tool.
        limits: ``min_size`` and ``max_num`` with which the configs load proposals.
    """
    words = list(options)
    for key, option in (('min_size', '--min-side'), ('max_num', '--max-num')):
        if limits.get(key) and option not in words:
            words += [option, str(int(limits[key]))]

    def action(run: StageRun) -> None:
        run.command(
            [
                tools_dir() / 'proposals.py',
                'generate',
                '--images',
                data_root / YEAR / 'JPEGImages',
                '--out',
                run.folder / 'proposals.npz',
                '--workers',
                str(run.workers),
                *words,
            ]
        )

    return Stage(name, action, ('proposals.npz',), needs, {'options': words, 'data_root': str(data_root)}, seconds=100)


def recall_stage(
    name: str, data_root: Path, proposals: Path, needs: tuple[str, ...], classes: Sequence[str], split: str = 'test'
) -> Stage:
    """Measure what the proposals cover, into ``recall.json``."""

    def action(run: StageRun) -> None:
        source = ImageSource.from_voc(data_root / YEAR, split)
        run.report(0.1, 'measuring')
        result = proposal_recall(ProposalStore.load(proposals), source, classes=classes)
        write_json(result, run.folder / 'recall.json')

    params = {'classes': list(classes), 'split': split, **_given(data_root, proposals, needs)}
    return Stage(name, action, ('recall.json',), needs, params, seconds=4)


def baselines_stage(
    name: str, data_root: Path, proposals: Path, needs: tuple[str, ...], classes: Sequence[str], seeds: int
) -> Stage:
    """Measure chance, into ``baselines.json``: mAP on test, CorLoc on trainval.

    The centre box has the size that does best on val (its boxes are used for that alone).
    """

    def action(run: StageRun) -> None:
        splits = {}
        for number, split in enumerate(('val', 'trainval', 'test')):
            run.report(number / 10, f'reading {split}')
            splits[split] = AnnotatedImages.from_source(ImageSource.from_voc(data_root / YEAR, split), classes)
        store = ProposalStore.load(proposals)
        prior = splits['trainval'].class_frequency()
        fraction = best_centre_fraction(splits['val'])
        results: dict[str, Any] = {'prior': prior}
        steps = [
            ('random', lambda images: random_proposal_baseline(images, store, prior, range(seeds))),
            ('centre', lambda images: centre_box_baseline(images, prior, fraction, range(seeds))),
        ]
        for number, (key, measure) in enumerate(steps):
            run.report(0.3 + 0.35 * number, key)
            results[key] = join_splits(measure(splits['test']), measure(splits['trainval']))
        results['centre']['fraction'] = fraction
        results['images'] = {split: len(images.ids) for split, images in splits.items()}
        write_json(results, run.folder / 'baselines.json')

    params = {'classes': list(classes), 'seeds': seeds, **_given(data_root, proposals, needs)}
    return Stage(name, action, ('baselines.json',), needs, params, seconds=15)


def join_splits(test: Mapping[str, Any], trainval: Mapping[str, Any]) -> dict[str, Any]:
    """mAP and AP from the evaluation on test images, CorLoc from that on training images."""
    located = {key: value for key, value in trainval.items() if key.lower().startswith('corloc')}
    precise = {
        key: test[key]
        for key in ('mAP_11pt', 'mAP_area', 'mAP_11pt_std', 'mAP_area_std', 'ap_11pt', 'ap_area')
        if key in test
    }
    return {**precise, **located}


def _given(data_root: Path, proposals: Path, needs: tuple[str, ...]) -> dict[str, str]:
    """What no stage before stands for when nothing had to be made."""
    return {} if needs else {'data_root': str(data_root), 'proposals': str(proposals)}
