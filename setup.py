"""Wheel hook: puts ``configs/``, ``tools/`` and ``model-index.yml`` into the package as
``wsod_mm/.mim``.

That is where MMEngine looks for ``wsod_mm::oicr/...py`` and where ``wsod_mm.utils.paths`` looks in
an installed wheel. The files exist once in git: a wheel gets copies, an editable install links to
the checkout. The rest of the metadata is in ``pyproject.toml``.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'demo', 'model-index.yml')


class BuildWithConfigs(build_py):
    """``build_py`` that also ships what lies beside the package."""

    def run(self) -> None:
        """Build the package, then link or copy the shipped files."""
        super().run()
        editable = getattr(self, 'editable_mode', False)
        target = (ROOT if editable else Path(self.build_lib)) / 'wsod_mm' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in SHIPPED:
            source = ROOT / name
            if not source.exists():
                continue
            if editable:
                (target / name).symlink_to(os.path.relpath(source, target))
            elif source.is_dir():
                shutil.copytree(source, target / name, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
            else:
                shutil.copy2(source, target / name)


setup(cmdclass={'build_py': BuildWithConfigs})
