"""A devkit, and one finished experiment."""

from types import SimpleNamespace

import pytest

from .experiment import run, toy_config, write_devkit


@pytest.fixture(scope='package')
def devkit(tmp_path_factory):
    """Data of all experiments. Not to be changed."""
    return write_devkit(tmp_path_factory.mktemp('devkit'))


@pytest.fixture(scope='package')
def finished(devkit, tmp_path_factory):
    """An uninterrupted experiment of two cycles. Not to be changed."""
    folder = tmp_path_factory.mktemp('finished') / 'work'
    return SimpleNamespace(folder=folder, runner=run(toy_config(devkit), folder), config=toy_config(devkit))
