"""A finished tiny pipeline, made once."""

from pathlib import Path
from typing import NamedTuple

import pytest

from .tiny import make_devkit, patch_commands, run_tiny, write_configs


class Finished(NamedTuple):
    """A pipeline that ran to its end.

    Attributes:
        config: Its config.
        root: Its folder; not to be changed.
        data_root: Folder of the devkit; not to be changed.
        calls: Stages that ran a tool.
    """

    config: Path
    root: Path
    data_root: Path
    calls: list[str]


@pytest.fixture(scope='package')
def finished(tmp_path_factory) -> Finished:
    base = tmp_path_factory.mktemp('weak_seg')
    make_devkit(base / 'data')
    config = write_configs(base / 'configs', base / 'data')
    with pytest.MonkeyPatch.context() as patch:
        calls = patch_commands(patch)
        run_tiny(config, base / 'work')
    return Finished(config, base / 'work', base / 'data', calls)
