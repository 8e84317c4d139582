"""The command ``wsod-mm``: runs the tools by name, from a checkout or from an installed wheel.

``wsod-mm train config.py`` is ``python tools/train.py config.py``. The list of commands is the
content of ``tools/``, with the first line of each file as its description.
"""

import ast
import os
import runpy
import shutil
import sys
from pathlib import Path

from wsod_mm import __version__
from wsod_mm.utils.paths import config_dir, tools_dir

__all__ = ['commands', 'main']


def commands() -> dict[str, Path]:
    """Return the tools by command name (``make_minivoc.py`` -> ``make-minivoc``)."""
    files = sorted(p for p in tools_dir().iterdir() if p.suffix in ('.py', '.sh') and not p.name.startswith('_'))
    return {path.stem.replace('_', '-'): path for path in files}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Args:
        arguments: Command line without the program's name, by default that of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    name, rest = (arguments[0], arguments[1:]) if arguments else ('help', [])
    if name in ('-h', '--help', 'help'):
        print(_help())
        return 0
    if name in ('-V', '--version'):
        print(f'wsod_mm {__version__}')
        return 0
    if name == 'configs':
        return _list_configs(rest)
    if name == 'doctor':
        from wsod_mm.doctor import main as doctor

        return doctor(rest)
    found = commands()
    path = found.get(name.replace('_', '-'))
    if path is None:
        known = ', '.join(['configs', 'doctor', *found])
        print(f'wsod-mm: no command "{name}"; there are: {known}', file=sys.stderr)
        return 2
    return _run(path, rest)


def _run(path: Path, arguments: list[str]) -> int:
    if path.suffix == '.sh':
        shell = shutil.which('bash')
        if shell is None:
            print(f'wsod-mm: {path.name} needs bash, which is not on the PATH', file=sys.stderr)
            return 2
        sys.stdout.flush()
        os.execv(shell, [shell, str(path), *arguments])
    sys.argv = [str(path), *arguments]
    runpy.run_path(str(path), run_name='__main__')
    return 0


def _list_configs(patterns: list[str]) -> int:
    """Print the full path of every config whose path holds all of ``patterns``."""
    root = config_dir()
    for path in sorted(root.rglob('*.py')):
        name = path.relative_to(root)
        if '_base_' not in name.parts and all(pattern in str(name) for pattern in patterns):
            print(path)
    return 0


def _help() -> str:
    rows = [
        (
            'configs',
            'List the configs (full paths); words narrow the list: wsod-mm configs oicr mini.',
        ),
        ('doctor', 'Show the installed stack, its problems and the commands that mend them.'),
    ]
    rows += [(name, _describe(path)) for name, path in commands().items()]
    width = max(len(name) for name, _ in rows)
    lines = [
        f'wsod_mm {__version__}: detection and segmentation from image labels',
        '',
        'usage: wsod-mm COMMAND [ARGUMENTS]      (wsod-mm COMMAND --help tells more)',
        '',
    ]
    return '\n'.join(lines + [f'  {name:<{width}}  {text}'.rstrip() for name, text in rows])


def _describe(path: Path) -> str:
    """First line of a tool's docstring, or of a script's comment."""
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.py':
        return (ast.get_docstring(ast.parse(text)) or '').split('\n')[0]
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith('# ')]
    return comments[0] if comments else ''


if __name__ == '__main__':
    sys.exit(main())
