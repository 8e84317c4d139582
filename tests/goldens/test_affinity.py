"""Golden vectors of AffinityNet and IRN, computed by the public reference code."""

import pytest

from . import _affinity_data_checks as data
from . import _affinity_network_checks as network
from . import _affinity_pair_checks as pairs
from . import _affinity_walk_checks as walk
from ._common import cases, check_families, family

CHECKS = {
    'arch_vgg16_cls': network.check_arch_cls,
    'arch_resnet38_cls': network.check_arch_cls,
    'arch_vgg16_aff': network.check_arch_aff,
    'arch_resnet38_aff': network.check_arch_aff,
    'arch_resnet50_cam': network.check_arch_resnet50_cam,
    'arch_resnet50_irn': network.check_arch_resnet50_irn,
    'psa_poly_sgd': network.check_psa_poly_sgd,
    'psa_cam_from_features': network.check_psa_cam_from_features,
    'psa_affinity_from_features': network.check_psa_affinity_from_features,
    'psa_pair_indices': pairs.check_psa_pair_indices,
    'psa_affinity_labels': pairs.check_psa_affinity_labels,
    'psa_affinity_loss': pairs.check_psa_affinity_loss,
    'irn_path_index': pairs.check_irn_path_index,
    'irn_edge_affinity': pairs.check_irn_edge_affinity,
    'irn_affinity_labels': pairs.check_irn_affinity_labels,
    'irn_losses': pairs.check_irn_losses,
    'psa_random_walk': walk.check_psa_random_walk,
    'irn_random_walk': walk.check_irn_random_walk,
    'irn_sem_seg': walk.check_irn_sem_seg,
    'irn_instance': walk.check_irn_instance,
    'dense_crf': walk.check_dense_crf,
    'psa_transforms': data.check_psa_transforms,
    'psa_laha_to_pairs': data.check_psa_laha_to_pairs,
    'psa_multiscale_cam_and_crf': data.check_psa_multiscale_cam_and_crf,
    'irn_multiscale_cam': data.check_irn_multiscale_cam,
    'irn_ir_label': data.check_irn_ir_label,
    'miou_confusion': data.check_miou_confusion,
    'instance_ap_voc': data.check_instance_ap_voc,
}


def test_every_family_has_a_check():
    check_families('affinity', CHECKS, set())


@pytest.mark.parametrize('path', cases('affinity', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
