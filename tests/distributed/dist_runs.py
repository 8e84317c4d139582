"""Run a config with two CPU processes and with one, and compare; for any config of the project."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def environment(**extra):
    """Environment of a command that runs from anywhere, on one core, without a GPU."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])
    return {
        **os.environ,
        'PYTHONPATH': path,
        'OMP_NUM_THREADS': '1',
        'PYTHON': sys.executable,
        'CUDA_VISIBLE_DEVICES': '',
        **extra,
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


def derived_config(path, base, body):
    """Write a config that inherits ``base``, dumps the weights of each rank and logs every step."""
    path.write_text(
        f'_base_ = {str(base)!r}\n'
        "custom_imports = dict(imports=['wsod_mm', 'tests.engine.toy'])\n"
        "custom_hooks = [dict(type='DumpRankHook')]\n"
        'default_hooks = dict(logger=dict(interval=1))\n'
        f'log_processor = dict(window_size=1)\n{body}\n'
    )
    return path


def run_train(config, work_dir, processes, *options, timeout=120):
    """Train with ``tools/dist_train.sh``."""
    done = subprocess.run(
        [
            'bash',
            str(ROOT / 'tools' / 'dist_train.sh'),
            str(config),
            str(processes),
            '--work-dir',
            str(work_dir),
            *options,
        ],
        env=environment(PORT=free_port()),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def logged(work_dir, name='loss'):
    """Values of one scalar in the order of the steps."""
    lines = []
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        lines += [json.loads(line) for line in path.read_text().splitlines()]
    return [line[name] for line in lines if name in line]
