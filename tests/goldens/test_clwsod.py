"""Golden vectors of Collaborative Learning, computed by the public reference code."""

import pytest

from wsod_mm.functional.mil import image_scores, mil_bce_loss, wsddn_scores

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


CHECKS = {'wsddn_head': check_wsddn_head, 'minibatch': check_minibatch, 'voc_metrics': check_voc_metrics}

NOT_YET_BUILT = {
    'anchor_target',
    'anchors',
    'bbox_codec',
    'bootstrap_ce',
    'im_detect',
    'paper_consistency_formula',
    'postprocess',
    'proposal_target',
    'pseudo_gt',
    'rpn_proposals',
    'smooth_l1',
    'strong_losses',
}


def test_every_family_has_a_check():
    check_families('clwsod', CHECKS, NOT_YET_BUILT)


@pytest.mark.parametrize('path', cases('clwsod', CHECKS))
def test_golden(path):
    CHECKS[family(path)](path)
