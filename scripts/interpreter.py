"""Interpreters: which one to use, and the short programs that ask an environment about itself.

Standard library only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from running import StepFailed

__all__ = [
    'CHECK_ENVIRONMENT',
    'LIST_OPENCVS',
    'SUPPORTED',
    'SWEEP_HALF_INSTALLED',
    'choose_python',
    'version_of',
]

SUPPORTED = ('3.10', '3.11', '3.12')

# Cheap check of a finished environment, without importing torch: versions, files, and that the
# package is this checkout.
CHECK_ENVIRONMENT = """
import glob, importlib.metadata as md, importlib.util as iu, os, sys
mine, bad = os.path.realpath(os.path.join(sys.argv[1], 'wsod_mm')), []
for pin in sys.argv[2:]:
    name, version = pin.split('==')
    try:
        found = md.version(name)
    except md.PackageNotFoundError:
        found = 'nothing'
    if found != version:
        bad.append(f'{pin} wanted, {found} found')
for name in ('torch', 'numpy', 'cv2', 'mmengine', 'mmcv', 'mmdet', 'pytest', 'wsod_mm'):
    spec = iu.find_spec(name)
    if spec is None or not spec.origin or not os.path.exists(spec.origin):
        bad.append(f'{name} is missing')
    elif name == 'mmcv' and not glob.glob(os.path.join(os.path.dirname(spec.origin), '_ext.*')):
        bad.append('mmcv has no compiled ops')
    elif name == 'wsod_mm' and os.path.realpath(os.path.dirname(spec.origin)) != mine:
        bad.append(f'wsod_mm is installed from {spec.origin}')
print('; '.join(bad))
"""

# Makes pip reinstall what is incomplete. A killed pip leaves a package without RECORD, or without
# files that RECORD lists (pip itself trusts whatever has a name and a version), or the old one as
# "~name".
SWEEP_HALF_INSTALLED = """
import csv, os, pathlib, shutil, sysconfig
site = pathlib.Path(sysconfig.get_path('purelib'))
for rest in site.glob('~*'):
    shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
for info in sorted(site.glob('*.dist-info')):
    record = info / 'RECORD'
    whole = record.exists()
    if whole:
        with open(record, newline='', encoding='utf-8') as handle:
            names = [row[0] for row in csv.reader(handle) if row and not row[0].endswith('.pyc')]
        whole = all(os.path.exists(site / name) for name in names)
    if not whole and not info.name.startswith('pip-'):
        print('[env]   incomplete, to be installed again:', info.name, flush=True)
        shutil.rmtree(info)
"""

LIST_OPENCVS = """
import importlib.metadata as md
print(*sorted({d.metadata['Name'].lower().replace('_', '-') for d in md.distributions()
               if (d.metadata['Name'] or '').lower().startswith('opencv')}))
"""


def version_of(python: str) -> str | None:
    """Return ``'3.11'`` for an interpreter that starts, else None (pyenv's shims exist for versions
    that do not)."""
    try:
        result = subprocess.run(
            [python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def choose_python(wanted: str) -> tuple[str, str]:
    """Return (path, version) of a supported interpreter: the wanted one, ours, or one on the
    PATH."""
    names = [wanted] if wanted else [sys.executable, 'python3.11', 'python3.12', 'python3.10', 'python3', 'python']
    for name in names:
        path = shutil.which(name)
        version = version_of(path) if path else None
        if version in SUPPORTED:
            return path, version
    found = f'"{wanted}" is {version_of(wanted) or "not an interpreter that starts"}' if wanted else 'none was found'
    raise StepFailed(f'Python 3.10, 3.11 or 3.12 is needed; {found}. Say which: make env PYTHON=/path/to/python3.11')
