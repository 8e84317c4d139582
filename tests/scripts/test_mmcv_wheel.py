"""The build of mmcv's wheel, tried on a tiny package of the same make: cache, interruption,
resumption."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from pathlib import Path

import mmcv_wheel
import pytest
from mmcv_wheel import Facts, build_progress, cache_root, find_wheel, obtain_wheel, wheel_folder
from running import StepFailed

from tests.interrupts import accept_interrupts

SCRIPTS = Path(__file__).resolve().parents[2] / 'scripts'
FACTS = Facts('2.13.0+cpu', 'cp311', 'linux_x86_64', 'cpu', __file__)
OBJECTS = 5

SETUP = """
import glob
from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension
setup(name='mmcv', version='0.0.1', packages=['mmcv'], cmdclass={'build_ext': BuildExtension},
      ext_modules=[CppExtension('mmcv._ext', sorted(glob.glob('mmcv/*.cpp')))])
"""

# Stands for the compiler: as slow as wanted, and notes what it compiled.
COMPILER = """#!/bin/sh
case "$*" in *" -c "*) sleep "$SLOW_CXX";; esac
g++ "$@" || exit 1
for word in "$@"; do case "$word" in */unit*.cpp) echo "$(basename "$word")" >> {notes};; esac; done
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A local package index with a tiny 'mmcv' sdist, a slow compiler, an empty cache; gives the
    notes file."""
    folder = tmp_path / 'mmcv-0.0.1'
    (folder / 'mmcv').mkdir(parents=True)
    (folder / 'setup.py').write_text(SETUP)
    (folder / 'PKG-INFO').write_text('Metadata-Version: 2.1\nName: mmcv\nVersion: 0.0.1\n')
    (folder / 'MANIFEST.in').write_text('graft mmcv\n')
    (folder / 'mmcv' / '__init__.py').touch()
    for number in range(OBJECTS):
        (folder / 'mmcv' / f'unit{number}.cpp').write_text(f'int f{number}() {{ return {number}; }}\n')
    (tmp_path / 'index').mkdir()
    with tarfile.open(tmp_path / 'index' / 'mmcv-0.0.1.tar.gz', 'w:gz') as tar:
        tar.add(folder, 'mmcv-0.0.1')
    notes, compiler = tmp_path / 'notes', tmp_path / 'slow-c++'
    compiler.write_text(COMPILER.format(notes=notes))
    compiler.chmod(0o755)
    notes.touch()
    for name, value in (
        ('WSOD_MM_CACHE', tmp_path / 'cache'),
        ('CXX', compiler),
        ('MAX_JOBS', 1),
        ('SLOW_CXX', 0.5),
        ('PIP_NO_INDEX', 1),
        ('PIP_FIND_LINKS', tmp_path / 'index'),
        ('PIP_EXTRA_INDEX_URL', ''),
    ):
        monkeypatch.setenv(name, str(value))
    return notes


def _start() -> subprocess.Popen:
    """Begin the build in its own process."""
    code = f"""if True:
        import os, sys; sys.path.insert(0, {str(SCRIPTS)!r})
        from pathlib import Path
        from mmcv_wheel import Facts, obtain_wheel
        obtain_wheel('mmcv==0.0.1', Path(sys.executable), Facts('2.13.0+cpu', 'cp311', 'linux_x86_64',
                     'cpu', {__file__!r}), dict(os.environ))
    """
    return subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, text=True, preexec_fn=accept_interrupts
    )


def _compiled(notes: Path) -> list[str]:
    return notes.read_text().split()


def _wait_for(notes: Path, count: int, process: subprocess.Popen) -> None:
    while len(_compiled(notes)) < count:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize('sign', [signal.SIGINT, signal.SIGKILL])
def test_killed_build_resumes_without_compiling_twice(tiny, sign, monkeypatch):
    # slow enough that even a busy machine delivers the signal long before the end
    monkeypatch.setenv('SLOW_CXX', '3')
    process = _start()
    _wait_for(tiny, 2, process)
    process.send_signal(sign)
    process.communicate()
    if sign == signal.SIGINT:
        time.sleep(1.5)
        before = _compiled(tiny)
        assert len(before) < OBJECTS, 'the compilers went on after an interrupt'
    monkeypatch.setenv('SLOW_CXX', '0')
    wheel = obtain_wheel('mmcv==0.0.1', Path(sys.executable), FACTS, dict(os.environ))
    assert sorted(_compiled(tiny)) == [f'unit{n}.cpp' for n in range(OBJECTS)]
    assert wheel == find_wheel(wheel_folder('mmcv==0.0.1', FACTS))
    assert not (wheel.parent / 'src').exists()

    again = obtain_wheel('mmcv==0.0.1', Path(sys.executable), FACTS, dict(os.environ))
    assert again == wheel and len(_compiled(tiny)) == OBJECTS


@pytest.mark.slow
def test_two_builds_at_once_share_one(tiny):
    processes = [_start(), _start()]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert len(_compiled(tiny)) == OBJECTS
    assert any('waiting for it' in output for output in outputs)
    wheel = find_wheel(wheel_folder('mmcv==0.0.1', FACTS))
    command = re.findall(r'slow-c\+\+ .*unit4\.cpp.*', (wheel.parent / 'build.log').read_text())[0]
    own = sysconfig.get_config_var('CFLAGS').split()
    assert set(own) <= set(command.split()), "Python's optimisation flags got lost"
    assert re.findall(r' -g\d?(?= )', command)[-1] == ' -g0', 'debug symbols: a third of the time'


def test_compile_error_names_the_log(tiny):
    broken = 'case "$*" in *" -c "*) echo "unit0.cpp:1: error: broken" >&2; exit 1;; esac'
    Path(os.environ['CXX']).write_text(f'#!/bin/sh\n{broken}\nexec g++ "$@"\n')
    with pytest.raises(StepFailed) as caught:
        obtain_wheel('mmcv==0.0.1', Path(sys.executable), FACTS, dict(os.environ))
    assert 'error: broken' in str(caught.value) and 'build.log' in str(caught.value)
    assert find_wheel(wheel_folder('mmcv==0.0.1', FACTS)) is None


def test_missing_headers_are_said_before_the_build(tmp_path, monkeypatch):
    monkeypatch.setenv('WSOD_MM_CACHE', str(tmp_path))
    facts = Facts('2.13.0', 'cp311', 'linux_x86_64', 'cpu', str(tmp_path / 'Python.h'))
    with pytest.raises(StepFailed, match='Install the headers'):
        obtain_wheel('mmcv==2.1.0', Path(sys.executable), facts, {})


def test_only_a_whole_wheel_with_ops_counts(tmp_path):
    with zipfile.ZipFile(tmp_path / 'mmcv-1-lite.whl', 'w') as archive:
        archive.writestr('mmcv/__init__.py', '')
    assert find_wheel(tmp_path) is None
    good = tmp_path / 'mmcv-2-ops.whl'
    with zipfile.ZipFile(good, 'w') as archive:
        archive.writestr('mmcv/_ext.cpython-311-x86_64-linux-gnu.so', 'x' * 1000)
    assert find_wheel(tmp_path) == good
    good.write_bytes(good.read_bytes()[:500])
    assert find_wheel(tmp_path) is None


def test_cache_folder_depends_on_everything_that_the_binary_does(tmp_path, monkeypatch):
    monkeypatch.setenv('WSOD_MM_CACHE', str(tmp_path))
    variants = [FACTS, Facts('2.13.0+cu130', *('cp311', 'linux_x86_64', 'cpu', ''))]
    variants += [Facts('2.13.0+cpu', 'cp312', 'linux_x86_64', 'cpu', '')]
    variants += [Facts('2.13.0+cpu', 'cp311', 'linux_x86_64', 'cuda-sm90', '')]
    folders = {wheel_folder('mmcv==2.1.0', facts) for facts in variants}
    folders.add(wheel_folder('onedl-mmcv==2.3.6', FACTS))
    assert len(folders) == 5 and all(folder.parent == tmp_path / 'wheels' for folder in folders)
    monkeypatch.delenv('WSOD_MM_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    assert cache_root() == tmp_path / 'xdg' / 'wsod_mm' / 'wheels'


def test_progress_of_a_resumed_build_counts_all_objects(tmp_path):
    plan = tmp_path / 'src' / 'build' / 'temp.linux' / 'build.ninja'
    plan.parent.mkdir(parents=True)
    plan.write_text('rule compile\n' + ''.join(f'build /a/{n}.o: compile /a/{n}.cpp\n' for n in range(77)))
    log = tmp_path / 'log'
    log.write_text('running build_ext\n')
    assert build_progress(tmp_path / 'src', log) == (0, 77)
    log.write_text('  [1/20] c++ -c a\nwarning\n  [2/20] c++ -c b\n')  # 57 were there already
    assert build_progress(tmp_path / 'src', log) == (59, 77)


def test_gpu_without_nvcc_gives_cpu_ops_and_says_so(monkeypatch, capsys):
    answer = (
        '{"torch": "2.13.0", "python": "cp311", "platform": "linux_x86_64", "gpu": true, '
        '"nvcc": %s, "arch": ["90"], "header": ""}'
    )

    def respond(nvcc):
        result = subprocess.CompletedProcess([], 0, stdout=answer % nvcc, stderr='')
        monkeypatch.setattr(mmcv_wheel.subprocess, 'run', lambda *_, **__: result)

    respond('false')
    assert mmcv_wheel.probe_facts(Path('python'), {}).ops == 'cpu'
    assert 'no nvcc' in capsys.readouterr().out
    respond('true')
    assert mmcv_wheel.probe_facts(Path('python'), {}).ops == 'cuda-sm90'
    assert mmcv_wheel.probe_facts(Path('python'), {'TORCH_CUDA_ARCH_LIST': '8.0;9.0'}).ops == 'cuda-sm8_0_9_0'


def test_a_header_that_torch_dropped_is_replaced(tmp_path):
    folder = tmp_path / 'mmcv' / 'ops' / 'csrc' / 'common'
    folder.mkdir(parents=True)
    old = folder / 'pytorch_cuda_helper.hpp'
    old.write_text('#include <c10/cuda/CUDAGuard.h>\n#include <THC/THCAtomics.cuh>\n')
    (folder / 'other.hpp').write_text('#include <ATen/ATen.h>\n')
    assert mmcv_wheel.use_present_header(tmp_path) == [old]
    assert old.read_text() == '#include <c10/cuda/CUDAGuard.h>\n#include <ATen/cuda/Atomic.cuh>\n'
    assert mmcv_wheel.use_present_header(tmp_path) == []
    assert sorted(path.name for path in folder.iterdir()) == ['other.hpp', 'pytorch_cuda_helper.hpp']
