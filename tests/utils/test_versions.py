"""The soft version check: a warning, for originals and forks, and never an error."""

import subprocess
import sys
import warnings

import pytest

from wsod_mm.utils.versions import (
    TESTED,
    UntestedVersionWarning,
    installed,
    untested,
    warn_if_untested,
)

STACKS = {
    'openmmlab': {'torch': '2.13.0+cpu', 'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmdet': '3.3.0'},
    'onedl': {
        'torch': '2.13.0',
        'onedl-mmengine': '0.10.12',
        'onedl-mmcv': '2.3.6',
        'onedl-mmdetection': '3.5.1',
    },
}


@pytest.mark.parametrize('stack', STACKS)
def test_tested_stacks_do_not_warn(stack):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        warn_if_untested(STACKS[stack].get)


@pytest.mark.parametrize('entry', TESTED, ids=lambda entry: entry.distribution)
def test_both_ends_of_every_range(entry):
    assert entry.holds(entry.minimum) and entry.holds(entry.tested + '+cu130')
    assert not entry.holds(entry.below) and not entry.holds('0.0.1')


@pytest.mark.parametrize(
    ('name', 'version'),
    [('torch', '2.14.0'), ('mmcv', '2.2.0'), ('mmdet', '3.2.0'), ('onedl-mmcv', '2.4.0rc1')],
)
def test_version_outside_is_a_warning_that_names_it(name, version):
    with pytest.warns(UntestedVersionWarning, match=f'{name} {version} is outside'):
        warn_if_untested({name: version}.get)


def test_absent_libraries_do_not_warn():
    assert untested(lambda name: None) == []
    assert installed('a-distribution-that-does-not-exist') is None


@pytest.mark.parametrize('version', ['2.13.0a0+git1234', '2.13', '2.13.0.post1', '2.13.1'])
def test_unusual_version_strings_are_understood(version):
    assert untested({'torch': version}.get) == []


def test_import_warns_and_goes_on():
    code = """if True:
        import importlib.metadata as md, warnings
        real = md.version
        md.version = lambda name: '9.9.9' if name == 'mmdet' else real(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            import wsod_mm
        texts = [str(w.message) for w in caught if 'was not tested' in str(w.message)]
        assert len(texts) == 1 and 'mmdet 9.9.9' in texts[0], texts
        print(wsod_mm.__version__)
    """
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
