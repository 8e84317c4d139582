"""Experiments of active learning on generated images, as stages of a pipeline: images, classifier, experiments."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.demo.data_stages import minivoc_stage
from wsod_mm.demo.derive import derive_config
from wsod_mm.pipeline.log_lines import Progress, parse_progress
from wsod_mm.pipeline.run import StageRun
from wsod_mm.pipeline.stage import Stage
from wsod_mm.pipeline.training import dump_config, final_checkpoint, train_stage
from wsod_mm.utils.paths import config_dir, tools_dir
from wsod_mm.utils.walk import each_dict

from .schedule import cycle_stages, num_epochs
from .state import STATE_FILE, ExperimentState

__all__ = [
    'OTHER_IMAGES',
    'TableOptions',
    'experiment_config',
    'experiment_name',
    'mini_classifier',
    'mini_experiments',
    'quick_table_options',
    'table_stages',
]

#: Added to the data seed of a pool for the images of the classifier whose body the detectors begin with.
OTHER_IMAGES = 1000

_SPLIT = re.compile(r'[-_]retinanet-minicnn_')
_TRAINS = re.compile(r'\bcycle (\d+): training with (\d+) of')
_RESULT = re.compile(r'\bcycle (\d+): mAP ([\d.]+), trained with (\d+) labeled images')


def mini_experiments() -> dict[str, Path]:
    """The configs on MiniVOC by what comes before the detector in their names, "random" first.

    Raises:
        FileNotFoundError: If there are none, or none called "random".
    """
    paths = (config_dir() / 'mini').glob('*retinanet-minicnn_*_minivoc.py')
    found = {_SPLIT.split(path.stem)[0]: path for path in sorted(paths)}
    if 'random' not in found:
        raise FileNotFoundError(f'{config_dir()}/mini has no random_retinanet-minicnn_*_minivoc.py')
    return {'random': found['random'], **found}


def mini_classifier() -> Path:
    """The config of the classifier on MiniVOC.

    Raises:
        FileNotFoundError: If there is not exactly one.
    """
    paths = list((config_dir() / 'mini').glob('classifier_*_minivoc.py'))
    if len(paths) != 1:
        raise FileNotFoundError(f'{len(paths)} configs match {config_dir()}/mini/classifier_*_minivoc.py')
    return paths[0]


@dataclass(frozen=True)
class TableOptions:
    """Everything that the numbers of a table depend on.

    Attributes:
        configs: Name of a curve -> config of its experiments. The first is what the others are compared with.
        data_seeds: Seeds of the generated images.
        seeds: Seeds of the trainings, of the first split and of selections; all of them on every data seed.
        classifier: Config of the classifier whose body the detectors begin with.
        minivoc: Dials of the generator that differ from its default.
        classifier_overrides: Dotted key -> value, written into the classifier's config.
        quick: Two cycles of the shortest training on a few images: nothing is learnt.
        threads: Threads of each training process.
    """

    configs: Mapping[str, Path] = field(default_factory=mini_experiments)
    data_seeds: Sequence[int] = (0, 1, 2)
    seeds: Sequence[int] = (0,)
    classifier: Path = field(default_factory=mini_classifier)
    minivoc: Mapping[str, Any] = field(default_factory=dict)
    classifier_overrides: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = False
    threads: int = 1

    def runs(self) -> list[tuple[str, int, int]]:
        """All experiments: name of the curve, data seed, seed. All curves of one seed come before the next seed."""
        return [(name, data, seed) for data in self.data_seeds for seed in self.seeds for name in self.configs]


def quick_table_options(**changes: Any) -> TableOptions:
    """A table that takes a minute and says nothing: for tests, and to see that everything works.

    Args:
        **changes: Fields that differ.
    """
    quick = {
        'minivoc': {'num_train': 16, 'num_val': 8, 'num_test': 8},
        'classifier_overrides': {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1},
        'quick': True,
    }
    return TableOptions(**{**quick, **changes})


def experiment_name(run: tuple[str, int, int]) -> str:
    """Name of an experiment's stage, which is its folder."""
    name, data_seed, seed = run
    return f'data{data_seed}/seed{seed}/{name}'


def experiment_config(path: str | Path, data_root: Path, seed: int, quick: bool = False) -> Config:
    """Load the config of an experiment and point it to a run's images.

    Args:
        path: The config of the repository.
        data_root: Folder that holds ``VOC2007``; written to the pool and to all data sets.
        seed: ``randomness.seed``, which is also that of splits and selections.
        quick: See :class:`TableOptions`.

    Returns:
        The config, without ``load_from``.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If it is not one of active learning.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    config = Config.fromfile(str(path))
    if 'active_learning' not in config:
        raise ValueError(f'{path} has no active_learning: it is not the config of an experiment of active learning')

    def place(entry: Any) -> None:
        if 'data_root' in entry:
            entry['data_root'] = str(data_root)
        if quick and entry.get('type') == 'RepeatDataset':
            entry['times'] = 1

    each_dict(config._cfg_dict, place)
    config.merge_from_dict({'randomness.seed': seed, 'load_from': None})
    if quick:
        staged = config.train_cfg.type == 'MIAODTrainLoop'
        config.active_learning.update(cycles=2, initial_size=6, budget=4)
        config.train_cfg.update(dict(epoch=1, epoch_ratio=[1, 1]) if staged else dict(max_epochs=1, val_interval=1))
        config.default_hooks.logger.interval = 1
    return config


def table_stages(options: TableOptions, root: Path) -> list[Stage]:
    """Stages of all experiments.

    The detectors begin with the body of a classifier that was trained on the image labels of *other* images, those of
    the data seed + :data:`OTHER_IMAGES`: had it seen the pool's, their labels would not be unknown.

    Args:
        options: What to make.
        root: Absolute work folder.

    Returns:
        Per data seed ``data<d>/minivoc``, ``data<d>/other_minivoc``, ``data<d>/classifier``, and
        ``data<d>/seed<s>/<name>`` for each experiment, whose folder ``run`` is its ``work_dir``.
    """
    stages: list[Stage] = []
    for data_seed in options.data_seeds:
        prefix = f'data{data_seed}/'
        images, other, classifier = f'{prefix}minivoc', f'{prefix}other_minivoc', f'{prefix}classifier'
        config = derive_config(options.classifier, root / other / 'devkit', Path(), 0, options.classifier_overrides)
        stages += [
            minivoc_stage(images, data_seed, options.minivoc),
            minivoc_stage(other, data_seed + OTHER_IMAGES, options.minivoc),
            train_stage(classifier, config, (other,), seconds=170, threads=options.threads),
        ]
        for run in options.runs():
            if run[1] == data_seed:
                config = experiment_config(options.configs[run[0]], root / images / 'devkit', run[2], options.quick)
                stages.append(_experiment_stage(experiment_name(run), config, images, classifier, options.threads))
    return stages


def _experiment_stage(name: str, config: Config, images: str, classifier: str, threads: int) -> Stage:
    """An experiment with ``tools/train.py``; a killed one goes on where it was."""
    loop = config.train_cfg
    if loop.type == 'MIAODTrainLoop':
        stages = cycle_stages(loop.get('epoch', 2), loop.get('epoch_ratio', (3, 1)), loop.get('order', 'min_max'))
        epochs = num_epochs(stages)
    else:
        epochs = loop.get('max_epochs')

    def action(run: StageRun) -> None:
        ready = copy.deepcopy(config)
        ready.load_from = str(final_checkpoint(run.root / classifier))
        dump_config(ready, run.folder / 'config.py')
        run.command(
            [tools_dir() / 'train.py', run.folder / 'config.py', '--work-dir', run.folder / 'run', '--resume'],
            epochs,
            _progress(config.active_learning.cycles),
            threads=threads,
        )

    return Stage(
        name,
        action,
        (f'run/{STATE_FILE}', 'run/summary.csv'),
        (images, classifier),
        {'config': config.to_dict()},
        _check_done,
        seconds=600,
    )


def _check_done(folder: Path) -> None:
    path = folder / 'run' / STATE_FILE
    state = ExperimentState.load(path)
    if state.phase != 'done':
        raise ValueError(f'the experiment in {path} is not finished: cycle {state.cycle}, {state.phase}')


def _progress(cycles: int) -> Callable[[str, int | None], Progress | None]:
    """Reads the progress of a whole experiment from lines about one training."""
    cycle = 0

    def parse(line: str, epochs: int | None = None) -> Progress | None:
        nonlocal cycle
        if match := _TRAINS.search(line):
            cycle = int(match[1])
            return Progress(cycle / cycles, f'cycle {cycle}, {match[2]} labeled')
        if match := _RESULT.search(line):
            return Progress(None, f'mAP {float(match[2]):.1f} with {match[3]} labeled')
        found = parse_progress(line, epochs)
        if found is None:
            return None
        is_training = found.text.startswith('epoch') and found.fraction is not None
        return Progress((cycle + found.fraction) / cycles if is_training else None, f'cycle {cycle}, {found.text}')

    return parse
