"""``tools/miaod.sh``, with a Python that writes down how it was called."""

import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = 'configs/mi_aod/miaod_retinanet-r50-fpn_1xb2-13e_voc0712.py'


@pytest.fixture
def script(tmp_path):
    """Runs the script in a folder of its own; returns what it printed, and the log once it is complete."""
    python = tmp_path / 'python'
    python.write_text('#!/usr/bin/env bash\necho "GPU=$CUDA_VISIBLE_DEVICES"\nprintf "%s\\n" "$@"\necho END >&2\n')
    python.chmod(0o755)
    here = tmp_path / 'here'
    here.mkdir()

    def call(*arguments, fails=False, **environment):
        environment = {'PATH': '/usr/bin:/bin', 'PYTHON': str(python), **environment}
        done = subprocess.run(
            ['bash', str(ROOT / 'tools/miaod.sh'), *arguments],
            env=environment,
            cwd=here,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode != 0) == fails, done.stderr
        logs = list(here.glob('log_nohup/*.log'))
        end = time.monotonic() + 20
        while logs and not logs[0].read_text().endswith('END\n') and time.monotonic() < end:
            time.sleep(0.01)
        return done, {path.name: path.read_text().splitlines() for path in logs}

    return call


def test_arguments_and_log(script):
    done, logs = script('2', '--resume', '--cfg-options', 'a=b c')
    assert done.stderr == ''  # the old one printed: rm: cannot remove
    assert list(logs) == ['nohup_2.log']
    gpu, *arguments, end = logs['nohup_2.log']
    assert gpu == 'GPU=2' and end == 'END'
    assert arguments[:4] == ['-m', 'torch.distributed.run', '--nproc_per_node=1', '--master_port=30200']
    program, config = (Path(argument).resolve() for argument in arguments[4:6])
    assert program == ROOT / 'tools/active_learning.py' and config == ROOT / CONFIG and config.is_file()
    assert arguments[6:] == ['--launcher', 'pytorch', '--resume', '--cfg-options', 'a=b c']
    assert 'port 30200' in done.stdout and 'log_nohup/nohup_2.log' in done.stdout


def test_second_start_replaces_the_log(script):
    script('0')
    done, logs = script('0', '--resume', PORT='1234', CONFIG='my.py')
    assert done.stderr == '' and logs['nohup_0.log'].count('END') == 1
    assert '--master_port=1234' in logs['nohup_0.log'] and 'my.py' in logs['nohup_0.log']


@pytest.mark.parametrize('arguments', [(), ('gpu0',), ('--resume',)])
def test_usage(script, arguments):
    done, logs = script(*arguments, fails=True)
    assert 'usage:' in done.stderr and not logs
