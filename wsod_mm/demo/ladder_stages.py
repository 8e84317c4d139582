"""The ladder as a list of stages: data, proposals, classifier, WSDDN, OICR, tests, chance, summary, report."""

from pathlib import Path

from wsod_mm.visualization.report import write_report

from .data_stages import YEAR, baselines_stage, minivoc_stage, proposals_stage, recall_stage
from .derive import class_names, derive_config, proposal_limits
from .model_stages import test_stage, train_stage
from .options import LadderOptions
from .run import StageRun
from .stage import Stage
from .summary import summarise

__all__ = ['data_stages', 'run_stages']

DETECTORS = ('wsddn', 'oicr')


def _paths(options: LadderOptions, root: Path, prefix: str) -> tuple[Path, Path]:
    """Folder that holds the devkit, and the proposal file."""
    data_root = root / f'{prefix}minivoc' / 'devkit' if options.data_root is None else Path(options.data_root).resolve()
    return data_root, root / f'{prefix}proposals' / 'proposals.npz'


def data_stages(options: LadderOptions, root: Path, prefix: str = '') -> list[Stage]:
    """Stages that do not depend on the training seed.

    Args:
        options: What to make.
        root: Absolute folder of the pipeline.
        prefix: Put before the names, such as ``'data0/'``.

    Returns:
        ``minivoc`` (unless the data are given), ``proposals``, ``recall``, ``baselines``.

    Raises:
        FileNotFoundError: If ``options.data_root`` holds no devkit.
    """
    data_root, proposals = _paths(options, root, prefix)
    detector = derive_config(options.configs['oicr'], data_root, proposals, 0)
    classes = class_names(detector)
    stages = []
    if options.data_root is None:
        stages.append(minivoc_stage(f'{prefix}minivoc', options.data_seed, options.minivoc))
    elif not (data_root / YEAR / 'ImageSets' / 'Main').is_dir():
        raise FileNotFoundError(f'{data_root} holds no VOC devkit: {YEAR}/ImageSets/Main is missing')
    first = tuple(stage.name for stage in stages)
    stages.append(proposals_stage(f'{prefix}proposals', data_root, first, options.proposals, proposal_limits(detector)))
    needs = (f'{prefix}proposals',)
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
    data_root, proposals = _paths(options, root, data_prefix)
    configs = {
        rung: derive_config(path, data_root, proposals, options.seed, options.overrides)
        for rung, path in options.configs.items()
    }
    data = (f'{data_prefix}proposals',)
    images = () if options.data_root is not None else (f'{data_prefix}minivoc',)
    name = {key: prefix + key for key in ('classifier', *DETECTORS)}
    stages = [train_stage(name['classifier'], configs['classifier'], images, seconds=170, threads=options.threads)]
    for rung, seconds in zip(DETECTORS, (100, 130), strict=True):
        stages.append(train_stage(name[rung], configs[rung], data, name['classifier'], seconds, options.threads))
    stages.append(test_stage(f'{prefix}classifier_test', configs['classifier'], images, name['classifier'], 'test', 12))
    for rung in DETECTORS:
        stages.append(test_stage(f'{prefix}{rung}_test', configs[rung], data, name[rung], 'test', 20))
        stages.append(test_stage(f'{prefix}{rung}_corloc', configs[rung], data, name[rung], 'trainval', 30))
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
