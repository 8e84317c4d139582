"""Golden vectors of CAM localisation, WSOL metrics and methods, and the CAM family, by the public reference code."""

import pytest

from . import _cam_checks as maps
from . import _cam_method_checks as methods
from ._common import cases, check_families, family

CHECKS = {
    'blog_cam': maps.check_blog_cam,
    'normalize': maps.check_normalize,
    'wsol_boxes': maps.check_wsol_boxes,
    'wsol_iou': maps.check_wsol_iou,
    'wsol_maxboxacc': maps.check_wsol_maxboxacc,
    'wsol_pxap': maps.check_wsol_pxap,
    'overlay': maps.check_overlay,
    'has': methods.check_has,
    'adl': methods.check_adl,
    'acol': methods.check_acol,
    'spg': methods.check_spg,
    'cutmix_bbox': methods.check_cutmix_bbox,
    'grad_family': methods.check_grad_family,
}


def test_every_family_has_a_check():
    check_families('cam', CHECKS, set())


@pytest.mark.parametrize('path', cases('cam', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
