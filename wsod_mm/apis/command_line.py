"""What the command lines of training and testing share."""

import argparse
import os
import sys
from collections.abc import Callable

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from wsod_mm.apis.config import UsageError
from wsod_mm.registry import RUNNERS
from wsod_mm.utils.checkpoint_io import CheckpointError

__all__ = ['add_common_options', 'build_runner', 'run_command']


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that MMDetection's tools have in common.

    Args:
        parser: Extended in place.
    """
    parser.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and results.json (default: the one in the config, else work_dirs/<config>)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config: key=value, nested.key=value, list="[a,b]", list=a,b',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher; dist_train.sh and dist_test.sh set it',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def build_runner(config: Config) -> Runner:
    """Build the runner that a config asks for (``runner_type``, by default MMEngine's)."""
    return RUNNERS.build(config) if 'runner_type' in config else Runner.from_cfg(config)


def run_command(
    main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser, arguments: list[str] | None = None
) -> None:
    """Parse the command line, run ``main``, and show mistakes of the user in one line instead of a traceback.

    Args:
        main: Gets the parsed arguments.
        parser: The parser.
        arguments: The command line, by default that of the process.
    """
    parsed = parser.parse_args(arguments)
    os.environ.setdefault('LOCAL_RANK', str(parsed.local_rank))
    try:
        main(parsed)
    except (UsageError, CheckpointError, FileNotFoundError) as error:
        sys.exit(f'error: {error}')
