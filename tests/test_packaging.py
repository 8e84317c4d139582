"""An installed wheel has its configs and tools; the command ``wsod-mm`` runs them."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from wsod_mm import __version__, cli
from wsod_mm.utils.paths import checkout_dir, config_dir, package_root, tools_dir

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that the checkout gets no build folder."""
    copy = tmp_path_factory.mktemp('source')
    ignore = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('wsod_mm', 'configs', 'tools', 'demo'):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in (
        'pyproject.toml',
        'setup.py',
        'MANIFEST.in',
        'README.md',
        'LICENSE',
        'model-index.yml',
    ):
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, copy / name)
    out = tmp_path_factory.mktemp('wheel')
    command = [
        sys.executable,
        '-m',
        'pip',
        'wheel',
        str(copy),
        '--no-deps',
        '--no-build-isolation',
        '-w',
        str(out),
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(out.glob('wsod_mm-*.whl'))


def test_wheel_ships_every_config_and_tool(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in (config_dir(), tools_dir(), ROOT / 'demo'):
        for path in folder.rglob('*'):
            if path.is_file() and '__pycache__' not in path.parts:
                assert f'wsod_mm/.mim/{folder.name}/{path.relative_to(folder)}' in names
    assert 'wsod_mm/py.typed' in names and 'wsod_mm/registry.py' in names
    assert not [name for name in names if name.startswith(('tests/', 'configs/', 'tools/', 'demo/'))]


def test_installed_wheel_finds_configs_and_lists_commands(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = f"""if True:
        from wsod_mm.utils.paths import checkout_dir, config_dir, package_root
        assert str(package_root()).startswith({str(tmp_path)!r}), package_root()
        assert checkout_dir() is None
        from mmengine.config import Config
        paths = [p for p in sorted(config_dir().rglob('*.py')) if '_base_' not in p.parts]
        assert paths
        assert Config.fromfile(paths[0]).get('default_scope') == 'wsod_mm'
        name = paths[0].relative_to(config_dir())
        assert Config.fromfile(paths[0])['model'] == Config.fromfile(config_dir() / name)['model']
        from wsod_mm.cli import main
        main(['--help'])
    """
    env = {**os.environ, 'PYTHONPATH': str(tmp_path)}
    result = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert 'train' in result.stdout and f'wsod_mm {__version__}' in result.stdout


def test_checkout_is_found():
    assert package_root() == ROOT / 'wsod_mm' and checkout_dir() == ROOT
    assert config_dir() == ROOT / 'configs' and tools_dir() == ROOT / 'tools'


def test_incomplete_installation_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr('wsod_mm.utils.paths.package_root', lambda: tmp_path / 'wsod_mm')
    with pytest.raises(FileNotFoundError, match='Install it again'):
        config_dir()


def test_every_tool_is_a_command_with_a_description(capsys):
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    for name, path in cli.commands().items():
        line = next(line for line in text.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 2, f'{path} has no description in its first line'


def test_command_runs_the_tool_with_its_arguments(monkeypatch, tmp_path, capsys):
    (tmp_path / 'say_hello.py').write_text('"""Greets."""\nimport sys\nprint("hello", *sys.argv[1:])\n')
    monkeypatch.setattr(cli, 'tools_dir', lambda: tmp_path)
    assert cli.main(['say-hello', '--to', 'you']) == 0
    assert capsys.readouterr().out == 'hello --to you\n'
    assert cli.main(['nothing']) == 2
    assert 'there are: configs, doctor, say-hello' in capsys.readouterr().err


def test_configs_are_listed_by_words(capsys):
    assert cli.main(['configs', 'oicr']) == 0
    lines = capsys.readouterr().out.split()
    assert lines and all('oicr' in Path(line).relative_to(config_dir()).as_posix() for line in lines)
