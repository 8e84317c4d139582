"""Golden vectors of Collaborative Learning, computed by the public reference code."""

import pytest

from wsod_mm.functional.mil import image_scores, mil_bce_loss, wsddn_scores

from . import _clwsod_loss_checks as losses
from . import _clwsod_target_checks as targets
from ._common import Golden, cases, check_families, family
from ._minibatch_checks import check_minibatch
from ._voc_checks import check_voc_metrics


def check_wsddn_head(path):
    g = Golden(path, rtol=1e-5, atol=1e-6)
    cls, det = g.tensor('cls_logits', grad=True), g.tensor('det_logits', grad=True)
    scores = wsddn_scores(cls, det)
    g.compare('cls_prob', cls.softmax(dim=1))
    g.compare('det_prob', det.softmax(dim=0))
    g.compare('fuse_prob', scores)
    probs = image_scores(scores)
    g.compare('image_prob', probs[None])
    loss = mil_bce_loss(probs[None], g.tensor('labels'), eps=0.0)
    g.compare('loss', loss)
    loss.backward()
    g.compare('grad_cls_logits', cls.grad)
    g.compare('grad_det_logits', det.grad)
    g.done()


CHECKS = {
    'anchor_target': targets.check_anchor_target,
    'anchors': targets.check_anchors,
    'bbox_codec': targets.check_bbox_codec,
    'bootstrap_ce': losses.check_bootstrap_ce,
    'im_detect': losses.check_im_detect,
    'minibatch': check_minibatch,
    'paper_consistency_formula': losses.check_paper_consistency_formula,
    'postprocess': losses.check_postprocess,
    'proposal_target': targets.check_proposal_target,
    'pseudo_gt': targets.check_pseudo_gt,
    'rpn_proposals': targets.check_rpn_proposals,
    'smooth_l1': losses.check_smooth_l1,
    'strong_losses': losses.check_strong_losses,
    'voc_metrics': check_voc_metrics,
    'wsddn_head': check_wsddn_head,
}

NOT_YET_BUILT: set[str] = set()


def test_every_family_has_a_check():
    check_families('clwsod', CHECKS, NOT_YET_BUILT)


@pytest.mark.parametrize('path', cases('clwsod', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
