"""A wheel of mmcv with its compiled ops: from the cache, or built from the sdist and put there.

The cache lies outside the checkout (``WSOD_MM_CACHE``, by default ``~/.cache/wsod_mm``), one folder
per combination that needs its own binary. A build that was killed goes on where it stopped: sources
and objects stay in that folder until the wheel is complete, and ninja skips what is compiled.
Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from running import StepFailed, Ticker, exclusive, run_logged, say, tail

__all__ = [
    'Facts',
    'build_progress',
    'cache_root',
    'find_wheel',
    'obtain_wheel',
    'use_present_header',
    'probe_facts',
    'wheel_folder',
]

# Asks the environment's own interpreter what the binary will depend on.
_PROBE = """
import json, os, platform, sys, sysconfig
import torch
from torch.utils import cpp_extension
gpu = torch.cuda.is_available()
cards = range(torch.cuda.device_count()) if gpu else ()
print(json.dumps(dict(
    torch=torch.__version__, python='cp%d%d' % sys.version_info[:2],
    platform=sysconfig.get_platform().replace('-', '_').replace('.', '_'),
    gpu=gpu, nvcc=cpp_extension.CUDA_HOME is not None,
    arch=sorted({'%d%d' % torch.cuda.get_device_capability(i) for i in cards}),
    header=os.path.join(sysconfig.get_path('include'), 'Python.h'))))
"""


@dataclass(frozen=True)
class Facts:
    """What a compiled mmcv depends on.

    Args:
        torch: Version of torch with its local tag (``'2.13.0+cpu'``).
        python: Tag of the interpreter (``'cp311'``).
        platform: ``'linux_x86_64'``.
        ops: ``'cpu'``, or ``'cuda-sm90'`` when CUDA ops are compiled too.
        header: Path of ``Python.h``.
    """

    torch: str
    python: str
    platform: str
    ops: str
    header: str


def cache_root() -> Path:
    """Folder of all cached wheels: ``WSOD_MM_CACHE``, else ``${XDG_CACHE_HOME:-~/.cache}/wsod_mm``,
    and ``wheels``."""
    chosen = os.environ.get('WSOD_MM_CACHE')
    if chosen:
        return Path(chosen).expanduser() / 'wheels'
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'wsod_mm' / 'wheels'


def probe_facts(python: Path, env: dict[str, str]) -> Facts:
    """Ask the environment's interpreter; decide whether CUDA ops are compiled.

    They are when a GPU is visible and ``nvcc`` is there, or when ``FORCE_CUDA=1`` asks for it.
    """
    result = subprocess.run([str(python), '-c', _PROBE], capture_output=True, text=True, env=env, check=False)
    if result.returncode:
        raise StepFailed(
            f'torch does not import in {python}:\n{result.stderr[-2000:]}\n'
            f'Remove the environment and run "make env" again.'
        )
    data = json.loads(result.stdout.strip().splitlines()[-1])
    forced = env.get('FORCE_CUDA', '0') == '1'
    if data['gpu'] and not data['nvcc'] and not forced:
        say(
            'a GPU is visible but there is no nvcc: mmcv is built with CPU ops only. For its CUDA '
            'ops install the CUDA toolkit that torch was built with, then run '
            '"FORCE_CUDA=1 make env".'
        )
    ops = 'cpu'
    if forced or (data['gpu'] and data['nvcc']):
        arch = re.sub(r'[^\w]+', '_', env.get('TORCH_CUDA_ARCH_LIST', '')).strip('_') or '_'.join(data['arch'])
        ops = f'cuda-sm{arch}' if arch else 'cuda'
    return Facts(data['torch'], data['python'], data['platform'], ops, data['header'])


def wheel_folder(requirement: str, facts: Facts) -> Path:
    """Folder of the cache for ``requirement`` (``'mmcv==2.1.0'``) under these facts."""
    name = requirement.replace('==', '-')
    return cache_root() / f'{name}-torch{facts.torch}-{facts.python}-{facts.platform}-{facts.ops}'


def find_wheel(folder: Path) -> Path | None:
    """Return the complete wheel in ``folder``: a readable archive with the compiled extension in
    it."""
    for wheel in sorted(folder.glob('*.whl')):
        try:
            with zipfile.ZipFile(wheel) as archive:
                if any(re.match(r'mmcv/_ext\..*(so|pyd)$', name) for name in archive.namelist()):
                    return wheel
        except (zipfile.BadZipFile, OSError):
            continue
    return None


def build_progress(source: Path, log: Path) -> tuple[int, int]:
    """Return (compiled, all) objects of a build.

    Ninja numbers only what is left to do (``[n/m]``); the number of all objects is read from its
    build file, so that a resumed build goes on counting where it stopped. (0, 0) before the
    compilation begins.
    """
    plans = list(source.glob('build/temp*/build.ninja'))
    total = sum(len(re.findall(r'(?m)^build \S+\.o(?:bj)?:', plan.read_text(errors='replace'))) for plan in plans)
    steps = re.findall(r'(?m)^\s*\[(\d+)/(\d+)\]', tail(log, 1 << 18))
    if not total or not steps:
        return 0, total
    done, left = map(int, steps[-1])
    return max(0, min(total, total - left + done)), total


def obtain_wheel(requirement: str, python: Path, facts: Facts, env: dict[str, str]) -> Path:
    """Return a wheel of mmcv with ops, building it when the cache has none.

    Args:
        requirement: ``'mmcv==2.1.0'`` or ``'onedl-mmcv==2.3.6'``.
        python: Interpreter of the environment, with torch and the build tools in it.
        facts: See :func:`probe_facts`.
        env: Environment variables for pip and the compiler.

    Returns:
        Path of the wheel in the cache.

    Raises:
        StepFailed: The sources cannot be had or do not compile.
    """
    folder = wheel_folder(requirement, facts)
    log = folder / 'build.log'
    source = folder / 'src'
    wheel = find_wheel(folder)
    if wheel is not None:
        say(f'{requirement}: compiled wheel found in the cache ({wheel})')
        return wheel
    if not Path(facts.header).is_file():
        raise StepFailed(
            f'{requirement} must be compiled, but {facts.header} is missing. Install the '
            'headers of this Python (Debian: apt-get install python3-dev), or choose another one: '
            'make env PYTHON=python3.11'
        )
    if shutil.which(env.get('CXX', 'c++')) is None and shutil.which('g++') is None:
        raise StepFailed(f'{requirement} must be compiled, but there is no C++ compiler. Debian: apt-get install g++')

    with exclusive(folder / 'lock', f'the build of {requirement}', lambda: _objects(source, log)):
        wheel = find_wheel(folder)  # another process may have finished it meanwhile
        if wheel is not None:
            return wheel
        _fetch(requirement, python, folder, source, env)
        _compile(requirement, python, facts, folder, source, log, env)
        wheel = _adopt(folder, source)
    say(f'{requirement}: built; kept in {wheel}')
    return wheel


def _objects(source: Path, log: Path) -> str:
    done, total = build_progress(source, log)
    return f'{done} of {total} objects compiled' if total else 'preparing'


def _fetch(requirement: str, python: Path, folder: Path, source: Path, env: dict[str, str]) -> None:
    """Unpack the sdist into ``source``, unless an interrupted build left it there."""
    if source.is_dir():
        say(f'{requirement}: an earlier build was interrupted; it goes on in {source}')
        return
    say(f'{requirement}: downloading the sources')
    for name in ('sdist', 'unpacked'):
        shutil.rmtree(folder / name, ignore_errors=True)
    run_logged(
        [
            python,
            '-m',
            'pip',
            'download',
            requirement,
            '--no-deps',
            '--no-binary',
            ':all:',
            '--no-build-isolation',
            '--disable-pip-version-check',
            '-d',
            folder / 'sdist',
        ],
        folder / 'download.log',
        f'download of {requirement}',
        env=env,
    )
    archive = next((folder / 'sdist').glob('*.tar.gz'))
    with tarfile.open(archive) as tar:
        # 'data' refuses paths outside the folder; older interpreters do not know the argument
        tar.extractall(folder / 'unpacked', **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
    os.replace(next(path for path in (folder / 'unpacked').iterdir() if path.is_dir()), source)
    for name in ('sdist', 'unpacked'):
        shutil.rmtree(folder / name, ignore_errors=True)


def _jobs() -> int:
    """Compilers at once: one per usable core, but 2 GiB of memory for each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    try:
        memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (ValueError, OSError):
        return cores
    return max(1, min(cores, memory // (2 << 30)))


def _compile(
    requirement: str,
    python: Path,
    facts: Facts,
    folder: Path,
    source: Path,
    log: Path,
    env: dict[str, str],
) -> None:
    env = dict(env, MMCV_WITH_OPS='1')
    env.setdefault('MAX_JOBS', str(_jobs()))
    # Python's own flags ask for debug symbols, which cost a third of the time and nine tenths of the
    # size. CPPFLAGS, because setuptools adds these; CFLAGS would replace the optimisation flags.
    env['CPPFLAGS'] = f'{env.get("CPPFLAGS", "")} -g0'.strip()
    if facts.ops != 'cpu':
        use_present_header(source)
    if facts.ops == 'cpu':
        env['CUDA_VISIBLE_DEVICES'] = ''  # else mmcv wants nvcc as soon as torch sees a GPU
        env.pop('FORCE_CUDA', None)
    say(
        f'{requirement}: compiling its ops ({facts.ops}) for torch {facts.torch} with '
        f'{env["MAX_JOBS"]} jobs. This takes about 13 minutes on two cores, once: the wheel '
        f'is kept in {folder}. It may be stopped and goes on later.'
    )
    say(f'  log: {log}')

    clock = Ticker('', str)
    first: list[int] = []

    def describe() -> str:
        done, total = build_progress(source, log)
        if not total:
            return 'preparing'
        if not first:
            first.append(done)
        if total <= done:
            return f'all {total} objects compiled, linking and packing'
        made = done - first[0]
        left = f', about {clock.elapsed / made * (total - done) / 60:.0f} min left' if made >= 4 else ''
        return f'{done} of {total} objects compiled{left}'

    run_logged(
        [python, 'setup.py', 'bdist_wheel', '-d', folder / 'dist'],
        log,
        'compiling mmcv',
        describe,
        env=env,
        cwd=source,
    )


def use_present_header(source: Path) -> list[Path]:
    """Include the header of atomic operations under the name that torch has for it today.

    mmcv 2.1.0 includes ``THC/THCAtomics.cuh``, which did nothing but include ``ATen/cuda/Atomic.cuh`` and is gone in
    torch 2.13: its CUDA ops do not compile there without this change.

    Args:
        source: Folder of mmcv's sources.

    Returns:
        The files that were changed.
    """
    changed = []
    for path in sorted((source / 'mmcv' / 'ops' / 'csrc').rglob('*')):
        if path.suffix not in ('.hpp', '.cuh', '.cu', '.cpp', '.h'):
            continue
        text = path.read_text(encoding='utf-8', errors='surrogateescape')
        if '<THC/THCAtomics.cuh>' in text:
            new = text.replace('<THC/THCAtomics.cuh>', '<ATen/cuda/Atomic.cuh>')
            temporary = path.with_name(path.name + '.tmp')
            temporary.write_text(new, encoding='utf-8', errors='surrogateescape')
            os.replace(temporary, path)
            changed.append(path)
    return changed


def _adopt(folder: Path, source: Path) -> Path:
    """Move the finished wheel into place in one step, then drop sources and objects."""
    built = find_wheel(folder / 'dist')
    if built is None:
        raise StepFailed(
            f'the build in {source} ended without an error but gave no wheel with compiled ops; '
            f'see {folder / "build.log"}. To start it afresh remove {folder}'
        )
    wheel = folder / built.name
    os.replace(built, wheel)
    for name in (source, folder / 'dist'):
        shutil.rmtree(name, ignore_errors=True)
    return wheel
