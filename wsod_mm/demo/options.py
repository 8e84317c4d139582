"""What a ladder is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsod_mm.utils.paths import config_dir

__all__ = ['LadderOptions', 'mini_configs', 'quick_options']

#: Config of each rung; other configs of the same methods there have other schedules.
RUNGS = {
    'classifier': 'classifier_minicnn_1xb16-14e_minivoc.py',
    'wsddn': 'wsddn_minicnn_1xb4-7e_minivoc.py',
    'oicr': 'oicr_minicnn_1xb4-10e_minivoc.py',
}


def mini_configs() -> dict[str, Path]:
    """The configs of the three rungs on MiniVOC.

    Raises:
        FileNotFoundError: If one is missing.
    """
    found = {rung: config_dir() / 'mini' / name for rung, name in RUNGS.items()}
    missing = [str(path) for path in found.values() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f'the ladder needs {", ".join(missing)}')
    return found


@dataclass(frozen=True)
class LadderOptions:
    """Everything that the numbers of a ladder depend on.

    Attributes:
        configs: Config of each rung: ``classifier``, ``wsddn``, ``oicr``.
        data_root: Folder that holds a devkit ``VOC2007``; ``None`` generates MiniVOC.
        proposal_file: Proposals that are there already (one file for all images), only with ``data_root``; ``None``
            generates them.
        data_seed: Seed of the generated images.
        seed: Seed of the trainings.
        minivoc: Dials of the generator that differ from its default.
        proposals: Options of ``tools/proposals.py generate``, besides those that the configs
            determine.
        overrides: Dotted key -> value, written into every config.
        baseline_seeds: How many times dice are thrown.
        gallery: Images in the report.
        threads: Threads of each training process. One gives the same bits on any number of cores.
        title: Heading of the report.
    """

    configs: Mapping[str, Path] = field(default_factory=mini_configs)
    data_root: Path | None = None
    proposal_file: Path | None = None
    data_seed: int = 0
    seed: int = 0
    minivoc: Mapping[str, Any] = field(default_factory=dict)
    proposals: tuple[str, ...] = ('--base-k', '100')
    overrides: Mapping[str, Any] = field(default_factory=dict)
    baseline_seeds: int = 5
    gallery: int = 16
    threads: int = 1
    title: str = 'Detectors that learnt from image labels'


def quick_options(**changes: Any) -> LadderOptions:
    """A ladder that takes seconds and learns nothing: for tests, and to see that everything works.

    Args:
        **changes: Fields that differ.
    """
    quick = {
        'minivoc': {'num_train': 24, 'num_val': 8, 'num_test': 8},
        'baseline_seeds': 2,
        'gallery': 6,
        'overrides': {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1, 'default_hooks.logger.interval': 1},
        'title': 'A quick look (one epoch on 32 images: no result)',
    }
    return LadderOptions(**{**quick, **changes})
