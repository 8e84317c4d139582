"""WSDDN and OICR: streams, refinement branches, proposal CAMs."""

import copy

import pytest
import torch

from tests.models.weak_detector import CASD, NUM_CLASSES, OICR, WSDDN, batch, build
from wsod_mm.explain import DetectionTarget, GradCAM, MILScorer, make_cam, make_scorer
from wsod_mm.models.detectors import CollaborativeRCNN

from .toy import hooks, state


@pytest.fixture
def data():
    return batch()


def prepared(model, data):
    out = model.data_preprocessor(copy.deepcopy(data), False)
    return out['inputs'], out['data_samples']


@pytest.mark.parametrize('config', [WSDDN, OICR, CASD], ids=['wsddn', 'oicr', 'casd'])
def test_classes_differ_and_nothing_changes(config, data):
    model = build(config).train()
    inputs, samples = prepared(model, data)
    before = state(model)
    cam = GradCAM(model)
    assert isinstance(cam.scorer, MILScorer) and [layer.index for layer in cam.layers] == [-1]
    maps = [cam.raw_maps(inputs, category, samples)[0] for category in range(NUM_CLASSES)]
    assert all(each.any() for each in maps) and not torch.allclose(maps[0], maps[1])
    assert cam(inputs, None, samples, aug_smooth=True).shape == (2, 64, 64)
    assert state(model) == before and not hooks(model) and 'pred_instances' not in samples[0]
    with torch.no_grad():
        assert torch.equal(cam.raw_maps(inputs, 1, samples)[0], maps[1])


def test_streams(data):
    model = build(OICR).eval()
    inputs, samples = prepared(model, data)
    outputs = {}
    for stream in ('mil', 'cls', 'refine', 'refine1', 'refine2'):
        scorer = make_scorer(model, stream=stream)
        outputs[stream] = scorer.forward(inputs, scorer.prepare(inputs, samples))
    head = model.roi_head
    features = head.roi_features(model.extract_feat(inputs), [s.proposals.bboxes for s in samples], ('roi',))
    mil = head.bbox_head(features, [7, 5])
    refined = head.refine_heads(features[0])
    for i, rows in enumerate((slice(0, 7), slice(7, 12))):
        torch.testing.assert_close(outputs['mil'][i].scores, mil.scores[i].flatten())
        torch.testing.assert_close(outputs['mil'][i].class_logits, mil.raw_scores[i])
        torch.testing.assert_close(outputs['cls'][i].class_logits, mil.raw_scores[i])
        torch.testing.assert_close(outputs['cls'][i].logits, head.bbox_head.fc_cls(features[0])[rows].flatten())
        torch.testing.assert_close(outputs['refine'][i].scores, (sum(refined) / 2)[rows, 1:].flatten())
        torch.testing.assert_close(outputs['refine2'][i].class_logits, refined[1][rows, 1:].sum(0))
    maps = {s: GradCAM(make_scorer(model, stream=s)).raw_maps(inputs, 1, samples)[0] for s in outputs}
    for one, other in (('mil', 'cls'), ('mil', 'refine'), ('refine1', 'refine2')):
        assert not torch.allclose(maps[one], maps[other])
    assert make_scorer(model).stream == 'refine' and make_scorer(build(WSDDN)).stream == 'mil'
    with pytest.raises(ValueError, match="stream='refine3': this detector has 'mil', 'cls', 'refine', 'refine1', 're"):
        make_scorer(model, stream='refine3')
    with pytest.raises(ValueError, match="stream='cls': this detector has 'mil', 'refine'"):
        make_scorer(build(CASD), stream='cls')


def test_proposal_cams(data):
    model = build(WSDDN)
    inputs, samples = prepared(model, data)
    scorer = make_scorer(model)
    maps = scorer.proposal_cams(inputs, samples)
    assert maps.shape == (2, NUM_CLASSES, 64, 64) and not maps.requires_grad and model.training
    (output, _) = (
        scorer.forward(inputs, scorer.prepare(inputs, samples))
        if not model.eval()
        else scorer.forward(inputs, scorer.prepare(inputs, samples))
    )
    scores = output.scores.view(-1, NUM_CLASSES).detach()
    x, y = 20, 15
    inside = [
        bool(x1.floor() <= x <= x2.floor() and y1.floor() <= y <= y2.floor())
        for x1, y1, x2, y2 in samples[0].proposals.bboxes
    ]
    torch.testing.assert_close(maps[0, :, y, x], (scores * torch.tensor(inside)[:, None]).sum(0))


def test_boxes(data):
    model = build(OICR)
    inputs, samples = prepared(model, data)
    box, other = samples[0].proposals.bboxes[:2]
    cam = make_cam('HiResCAM', model)
    maps = [cam.raw_maps(inputs[:1], DetectionTarget(b[None], [2]), samples[:1])[0] for b in (box, other)]
    assert maps[0].any() and not torch.allclose(*maps)
    assert make_cam('ScoreCAM', model)(inputs[:1], 2, samples[:1]).any()


def test_without_proposals(data):
    model = build(WSDDN)
    inputs, samples = prepared(model, data)
    with pytest.raises(ValueError, match='image number 0 has no proposals'):
        GradCAM(model)(inputs)
    del samples[1].proposals
    with pytest.raises(ValueError, match='image x.jpg has no proposals'):
        GradCAM(model)(inputs, 0, samples)


def test_detectors_of_unknown_kind():
    model = CollaborativeRCNN.__new__(CollaborativeRCNN)
    torch.nn.Module.__init__(model)
    model.roi_head = torch.nn.Identity()
    with pytest.raises(TypeError, match='CollaborativeRCNN with Identity is not supported; there are two-stage'):
        make_scorer(model)
