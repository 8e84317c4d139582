"""Loading configs with errors that help."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.config import Config

__all__ = ['ConfigNotFoundError', 'UsageError', 'default_work_dir', 'find_configs', 'is_active_learning', 'load_config']


class UsageError(ValueError):
    """The options of a command do not go together, or the config lacks what one of them needs."""


class ConfigNotFoundError(FileNotFoundError):
    """There is no such config; the message names near matches."""


def find_configs(folders: Iterable[str | Path] | None = None) -> list[Path]:
    """All configs, without the ``_base_`` ones.

    Args:
        folders: Where to look; by default the ``configs`` folder of the current directory, of the checkout and of the
            installed package, the first that exists.

    Returns:
        Sorted paths.
    """
    if folders is None:
        package = Path(__file__).resolve().parents[1]
        candidates = (Path('configs'), package.parent / 'configs', package / '.mim' / 'configs')
        folders = [f for f in candidates if f.is_dir()][:1]
    return sorted(p for folder in folders for p in Path(folder).rglob('*.py') if '_base_' not in p.parts)


def load_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """Load a config file and merge overrides into it.

    Args:
        path: The config.
        options: ``--cfg-options``: dotted key -> value.

    Returns:
        The config.

    Raises:
        ConfigNotFoundError: There is no such file; the message names configs of similar names.
    """
    if not Path(path).is_file():
        known = {p.stem: p for p in find_configs()}
        near = difflib.get_close_matches(Path(path).stem, known, n=3, cutoff=0.5)
        hint = f' Did you mean {", ".join(str(known[n]) for n in near)}?' if near else ''
        raise ConfigNotFoundError(f'config {path} does not exist.{hint}')
    config = Config.fromfile(str(path))
    if options:
        config.merge_from_dict(options)
    return config


def is_active_learning(config: Config) -> bool:
    """Whether a config is of an experiment of active learning, whose runner owns the cycles."""
    return str(config.get('runner_type')).rsplit('.', 1)[-1] == 'ActiveLearningRunner'


def default_work_dir(config: Config, given: str | None, config_path: str | Path) -> str:
    """Where a run writes: the command line's choice, the config's, or ``work_dirs/<name of the config>``."""
    return given or config.get('work_dir') or str(Path('work_dirs') / Path(config_path).stem)
