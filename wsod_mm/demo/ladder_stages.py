"""The ladder as a list of stages: data, proposals, classifier, WSDDN, OICR, tests, chance, summary, report."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.pipeline.training import train_stage
from wsod_mm.visualization.report import write_report

from .data_stages import YEAR, baselines_stage, minivoc_stage, proposals_stage, recall_stage
from .derive import class_names, common_classes, derive_config, widest_limits
from .model_stages import detector_stages, test_stage
from .options import LadderOptions
from .summary import summarise

__all__ = ['data_needs', 'data_paths', 'data_stages', 'run_stages']

DETECTORS = ('wsddn', 'oicr')


def data_paths(options: LadderOptions, root: Path, prefix: str) -> tuple[Path, Path]:
    """Folder that holds the devkit, and the proposal file."""
    data_root = root / f'{prefix}minivoc' / 'devkit' if options.data_root is None else Path(options.data_root).resolve()
    if options.proposal_file is not None:
        return data_root, Path(options.proposal_file).resolve()
    return data_root, root / f'{prefix}proposals' / 'proposals.npz'


def data_needs(options: LadderOptions, prefix: str = '') -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the stages that make the images, and of those that make the proposals; empty for what is given."""
    images = () if options.data_root is not None else (f'{prefix}minivoc',)
    return images, () if options.proposal_file is not None else (f'{prefix}proposals',)


def data_stages(
    options: LadderOptions, root: Path, prefix: str = '', detectors: Sequence[Config] | None = None
) -> list[Stage]:
    """Stages that do not depend on the training seed.

    Args:
        options: What to make.
        root: Absolute folder of the pipeline.
        prefix: Put before the names, such as ``'data0/'``.
        detectors: Configs of the detectors, which say the classes and how many proposals are needed; default OICR's.

    Returns:
        ``minivoc`` and ``proposals`` (unless they are given), ``recall``, ``baselines``.

    Raises:
        FileNotFoundError: If ``options.data_root`` holds no devkit, or ``options.proposal_file`` is missing.
        ValueError: If the detectors have different classes.
    """
    data_root, proposals = data_paths(options, root, prefix)
    images, needs = data_needs(options, prefix)
    if detectors is None:
        detectors = [derive_config(options.configs['oicr'], data_root, proposals, 0)]
    classes = common_classes(detectors)
    stages = []
    if images:
        stages.append(minivoc_stage(*images, options.data_seed, options.minivoc))
    elif not (data_root / YEAR / 'ImageSets' / 'Main').is_dir():
        raise FileNotFoundError(f'{data_root} holds no VOC devkit: {YEAR}/ImageSets/Main is missing')
    if needs:
        stages.append(proposals_stage(*needs, data_root, images, options.proposals, widest_limits(detectors)))
    elif not proposals.is_file():
        raise FileNotFoundError(f'proposal file {proposals} does not exist; make it with tools/proposals.py generate')
    stages.append(recall_stage(f'{prefix}recall', data_root, proposals, needs, classes))
    stages.append(baselines_stage(f'{prefix}baselines', data_root, proposals, needs, classes, options.baseline_seeds))
    return stages


def run_stages(options: LadderOptions, root: Path, data_prefix: str = '', prefix: str = '') -> list[Stage]:
    """Stages of one training seed; ``summary.json`` and ``report.html`` are put into ``<root>/<prefix>``.

    Args:
        options: What to make.
        root: Absolute folder of the pipeline.
        data_prefix: Prefix of the stages of the data.
        prefix: Put before the names, such as ``'data0/seed1/'``.

    Returns:
        Trainings, tests, ``summary``, ``report``.
    """
    data_root, proposals = data_paths(options, root, data_prefix)
    configs = {
        rung: derive_config(path, data_root, proposals, options.seed, options.overrides)
        for rung, path in options.configs.items()
    }
    images, data = data_needs(options, data_prefix)
    classifier = f'{prefix}classifier'
    stages = [train_stage(classifier, configs['classifier'], images, seconds=170, threads=options.threads)]
    detectors = [
        detector_stages(prefix + rung, configs[rung], data, classifier, seconds, options.threads)
        for rung, seconds in zip(DETECTORS, (100, 130), strict=True)
    ]
    stages += [train for train, *_ in detectors]
    stages.append(test_stage(f'{prefix}classifier_test', configs['classifier'], images, classifier, 'test', 12))
    stages += [test for _, *tests in detectors for test in tests]
    needs = (*(stage.name for stage in stages), f'{data_prefix}recall', f'{data_prefix}baselines')
    folder = root / prefix

    def summary(run: StageRun) -> None:
        summarise(options, data_root, root / data_prefix, folder, class_names(configs['oicr']))

    def report(run: StageRun) -> None:
        write_report(folder, images=options.gallery)

    shown = {'title': options.title, 'seed': options.seed, 'data_seed': options.data_seed}
    stages.append(Stage(f'{prefix}summary', summary, ('../summary.json',), needs, shown, seconds=3))
    stages.append(
        Stage(
            f'{prefix}report',
            report,
            ('../report.html',),
            (f'{prefix}summary',),
            {'gallery': options.gallery},
            seconds=3,
        )
    )
    return stages
