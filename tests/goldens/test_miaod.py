"""Golden vectors of MI-AOD, computed by the public reference code."""

import pytest

from ._common import cases, check_families, family
from ._miaod_checks import (
    check_discrepancy,
    check_img_loss_gt,
    check_img_loss_pseudo,
    check_init_split,
    check_mil_head,
    check_select,
    check_uncertainty,
)
from ._miaod_head_checks import check_losses, check_ssd, check_train_trace
from ._miaod_loop_checks import check_runner_trace, check_schedule_trace

CHECKS = {
    'mil_head': check_mil_head,
    'img_loss_gt': check_img_loss_gt,
    'img_loss_pseudo': check_img_loss_pseudo,
    'discrepancy': check_discrepancy,
    'uncertainty': check_uncertainty,
    'init_split': check_init_split,
    'select': check_select,
    'train_trace': check_train_trace,
    'schedule_trace': check_schedule_trace,
    'runner_trace': check_runner_trace,
    'losses_label_set': check_losses,
    'losses_min_labeled': check_losses,
    'losses_min_unlabeled': check_losses,
    'losses_max_labeled': check_losses,
    'losses_max_unlabeled': check_losses,
    'ssd_label_set': check_ssd,
    'ssd_min_labeled': check_ssd,
    'ssd_min_unlabeled': check_ssd,
    'ssd_max_labeled': check_ssd,
    'ssd_max_unlabeled': check_ssd,
}


def test_every_family_has_a_check():
    check_families('miaod', CHECKS, set())


@pytest.mark.parametrize('path', cases('miaod', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
