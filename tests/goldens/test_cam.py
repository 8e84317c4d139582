"""Golden vectors of CAM localisation, WSOL metrics and methods, and the CAM family, by the public reference code."""

import pytest

from . import _cam_checks, _cam_method_checks
from ._common import cases, check_families, family

CHECKS = {**_cam_checks.CHECKS, **_cam_method_checks.CHECKS}


def test_every_family_has_a_check():
    check_families('cam', CHECKS, set())


@pytest.mark.parametrize('path', cases('cam', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
