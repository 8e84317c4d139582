"""Golden vectors of AffinityNet and IRN, computed by the public reference code."""

import pytest

from ._affinity_pair_checks import (
    check_irn_affinity_labels,
    check_irn_edge_affinity,
    check_irn_losses,
    check_irn_path_index,
    check_psa_affinity_labels,
    check_psa_affinity_loss,
    check_psa_pair_indices,
)
from ._common import cases, check_families, family

CHECKS = {
    'psa_pair_indices': check_psa_pair_indices,
    'psa_affinity_labels': check_psa_affinity_labels,
    'psa_affinity_loss': check_psa_affinity_loss,
    'irn_path_index': check_irn_path_index,
    'irn_edge_affinity': check_irn_edge_affinity,
    'irn_affinity_labels': check_irn_affinity_labels,
    'irn_losses': check_irn_losses,
}

NOT_YET_BUILT = {
    'arch_resnet38_aff',
    'arch_resnet38_cls',
    'arch_resnet50_cam',
    'arch_resnet50_irn',
    'arch_vgg16_aff',
    'arch_vgg16_cls',
    'dense_crf',
    'instance_ap_voc',
    'irn_instance',
    'irn_ir_label',
    'irn_multiscale_cam',
    'irn_random_walk',
    'irn_sem_seg',
    'miou_confusion',
    'psa_affinity_from_features',
    'psa_cam_from_features',
    'psa_laha_to_pairs',
    'psa_multiscale_cam_and_crf',
    'psa_poly_sgd',
    'psa_random_walk',
    'psa_transforms',
}


def test_every_family_has_a_check():
    check_families('affinity', CHECKS, NOT_YET_BUILT)


@pytest.mark.parametrize('path', cases('affinity', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
