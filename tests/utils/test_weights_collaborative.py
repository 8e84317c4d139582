"""Checkpoints of Collaborative Learning's public code: through the model, and back."""

import runpy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from torch.nn import functional as F

from tests.engine.hooks.test_checkpoint_guard_hook import Loop
from tests.models.collaborative import STAGE_1, detector
from tests.models.weak_detector import batch, build, predict
from wsod_mm.engine.hooks import CheckpointGuardHook
from wsod_mm.functional.rpn_proposals import rpn_proposals
from wsod_mm.functional.two_branch_detection import best_detections, strong_boxes
from wsod_mm.registry import MODELS
from wsod_mm.utils.paths import config_dir
from wsod_mm.utils.weights import (
    WeightConversionError,
    convert_collaborative,
    convert_weights,
    export_collaborative,
    resnet_shapes,
    vgg16_shapes,
)

CLASSES, ANCHORS, BODY, FC = 4, 9, 64, 16
SHAPES = vgg16_shapes(width_mult=0.125, fc_channels=(FC, FC), roi_feat_size=3)
HEADS = {
    'cls_score_net': (CLASSES, FC),
    'bbox_pred_net': (CLASSES, FC),
    'rpn_net': (16, BODY, 3, 3),
    'rpn_cls_score_net': (2 * ANCHORS, 16, 1, 1),
    'rpn_bbox_pred_net': (4 * ANCHORS, 16, 1, 1),
    'cls_score_net_fast': (CLASSES + 1, FC),
    'bbox_pred_net_fast': (4 * (CLASSES + 1), FC),
}
STRONG = list(HEADS)[2:]


def reference_checkpoint(without=()):
    """A checkpoint as the public code writes it, of a narrow VGG16."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in SHAPES.items():
        name = name.replace('backbone.', 'vgg.')
        for layer, number in (('fc6', 0), ('fc7', 3)):
            name = name.replace(f'roi_head.shared_head.{layer}', f'vgg.classifier.{number}')
        fan = shape[1] * 9 if len(shape) == 4 else shape[-1]
        scale = (2 / fan) ** 0.5 if len(shape) > 1 else 0.1
        state[name] = torch.randn(shape, generator=generator) * scale
    for layer, shape in HEADS.items():
        if layer not in without:
            state[f'{layer}.weight'] = torch.randn(shape, generator=generator) * 0.1
            state[f'{layer}.bias'] = torch.randn(shape[0], generator=generator) * 0.1
    return state


class Reference:
    """The public code's network, written down from the spec: two logits an anchor, background first."""

    def __init__(self, state):
        self.state = state

    def layer(self, name, x):
        weight, bias = self.state[f'{name}.weight'], self.state[f'{name}.bias']
        return (
            F.linear(x, weight, bias) if weight.dim() == 2 else F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        )

    def body(self, x):
        for number in range(30):
            if f'vgg.features.{number}.weight' in self.state:
                x = F.relu(self.layer(f'vgg.features.{number}', x))
            elif number in (4, 9, 16, 23):
                x = F.max_pool2d(x, 2)
        return x

    def fc7(self, pooled):
        return F.relu(self.layer('vgg.classifier.3', F.relu(self.layer('vgg.classifier.0', pooled.flatten(1)))))

    def rpn(self, x):
        """Probability of an object and deltas of every anchor; location-major, anchors within."""
        hidden = F.relu(self.layer('rpn_net', x))
        logits = self.layer('rpn_cls_score_net', hidden)  # channel = c A + a
        number, _, rows, columns = logits.shape
        objects = logits.view(number, 2, ANCHORS, rows, columns).softmax(dim=1)[:, 1]
        deltas = self.layer('rpn_bbox_pred_net', hidden)  # channel = 4 a + k
        return objects.permute(0, 2, 3, 1).reshape(-1), deltas.permute(0, 2, 3, 1).reshape(-1, 4)

    def strong(self, features):
        return self.layer('cls_score_net_fast', features).softmax(dim=1), self.layer('bbox_pred_net_fast', features)

    def weak(self, features):
        return self.layer('cls_score_net', features).softmax(dim=1) * self.layer('bbox_pred_net', features).softmax(
            dim=0
        )


def loaded(state):
    model = detector(seed=9).eval()
    missing, unexpected = model.load_state_dict(state, strict=True)
    assert not missing and not unexpected
    return model


@torch.no_grad()
def outputs(reference, model, data):
    """All outputs of the public network on one image. Pooling, anchors and NMS are the model's: goldens check those."""
    inputs = model.data_preprocessor(data)
    image, sample = inputs['inputs'], inputs['data_samples'][0]
    pool, size = model.roi_head.bbox_roi_extractor, tuple(sample.metainfo['img_shape'])
    x = reference.body(image)
    objects, deltas = reference.rpn(x)
    anchors = model.rpn_head(model.extract_feat(image))[2]
    rois = rpn_proposals(objects, deltas, anchors, size, **model.rpn_head.test_options)[0]
    features = reference.fc7(pool((x,), torch.cat((rois.new_zeros(len(rois), 1), rois), dim=1)))
    scores, moves = reference.strong(features)
    boxes = strong_boxes(rois, moves, size)[:, 1:]
    found = best_detections(boxes, scores[:, 1:], **model.roi_head.test_options)
    proposals = sample.proposals.bboxes
    weak = reference.weak(
        reference.fc7(pool((x,), torch.cat((proposals.new_zeros(len(proposals), 1), proposals), dim=1)))
    )
    return dict(x=x, objects=objects, deltas=deltas, rois=rois, scores=scores, moves=moves, found=found, weak=weak)


def one_image():
    return batch(((96, 128),), (7,), ((1, 0, 1, 0),))


@torch.no_grad()
def test_the_model_gives_the_outputs_of_the_public_network():
    state = reference_checkpoint()
    result = convert_collaborative(state, shapes=SHAPES)
    assert result.dropped == [] and result.meta['num_classes'] == CLASSES
    model = loaded(result.state_dict)
    model.test_cfg.weak_flip = False
    expected = outputs(Reference(state), model, one_image())
    inputs = model.data_preprocessor(one_image())
    close = dict(rtol=1e-5, atol=1e-5)
    x = model.extract_feat(inputs['inputs'])
    torch.testing.assert_close(x[-1], expected['x'], **close)
    logits, deltas, _ = model.rpn_head(x)
    torch.testing.assert_close(logits[0].sigmoid(), expected['objects'], **close)
    torch.testing.assert_close(deltas[0], expected['deltas'], **close)
    scores, moves = model.roi_head.bbox_head(model.roi_head.roi_features(x, [expected['rois']]))
    torch.testing.assert_close(scores.softmax(dim=1).roll(1, 1), expected['scores'], **close)
    torch.testing.assert_close(moves, expected['moves'][:, 4:], **close)
    weak = model.weak_scores(inputs['inputs'], x, inputs['data_samples'])[0]
    torch.testing.assert_close(weak, expected['weak'], **close)
    (sample,) = predict(model, one_image())
    boxes, scores, labels = expected['found']
    torch.testing.assert_close(sample.pred_instances.scores, scores, **close)
    torch.testing.assert_close(sample.pred_instances.bboxes, boxes, rtol=1e-5, atol=1e-4)  # pixels
    assert torch.equal(sample.pred_instances.labels, labels)
    assert (expected['objects'] - 0.5).abs().max() > 0.05  # these were no idle comparisons
    assert len(boxes) > 3 and moves.abs().max() > 0.05


def test_round_trip(tmp_path):
    state = reference_checkpoint()
    torch.save(state, tmp_path / 'theirs.pth')
    ours = convert_weights('collaborative', tmp_path / 'theirs.pth', tmp_path / 'ours.pth', shapes=SHAPES)
    convert_weights('collaborative-export', tmp_path / 'ours.pth', tmp_path / 'back.pth')
    back = torch.load(tmp_path / 'back.pth', weights_only=True)
    assert (tmp_path / 'back.pth').read_bytes()[:2] != b'PK'  # PyTorch 0.2 reads no zip file
    assert back.keys() == state.keys() and all(back[name].shape == state[name].shape for name in state)
    changed = {name.split('.')[0] for name in state if not torch.equal(back[name], state[name])}
    assert changed == {'rpn_cls_score_net', 'bbox_pred_net_fast'}
    model = loaded(ours.state_dict)
    expected, again = (outputs(Reference(weights), model, one_image()) for weights in (state, back))
    expected['moves'], again['moves'] = expected['moves'][:, 4:], again['moves'][:, 4:]
    for name in ('objects', 'deltas', 'rois', 'scores', 'moves', 'weak'):
        torch.testing.assert_close(again[name], expected[name], rtol=1e-5, atol=1e-5)
    third = convert_collaborative(back, shapes=SHAPES)
    assert all(torch.equal(third.state_dict[name], value) for name, value in ours.state_dict.items())
    # a converted file passes unchanged; so does a checkpoint of a training
    fourth = convert_collaborative(torch.load(tmp_path / 'ours.pth', weights_only=True), shapes=SHAPES)
    assert all(torch.equal(fourth.state_dict[name], value) for name, value in ours.state_dict.items())
    assert fourth.meta == ours.meta


def test_stage_1_is_a_wsddn_and_a_start_for_stage_2():
    state = reference_checkpoint(without=STRONG)
    result = convert_collaborative(state, shapes=SHAPES)
    assert any('initial weights' in note for note in result.notes)
    stage_1 = build(STAGE_1, seed=5)
    stage_1.load_state_dict(result.state_dict)
    model = detector(seed=6)
    untouched = model.roi_head.bbox_head.fc_cls.weight.clone()
    model.load_state_dict(result.state_dict, strict=False)
    assert torch.equal(model.roi_head.weak_head.fc_det.weight, state['bbox_pred_net.weight'])
    assert torch.equal(model.roi_head.bbox_head.fc_cls.weight, untouched)
    assert export_collaborative(result.state_dict).state_dict.keys() == state.keys()


def test_resnet_has_the_names_of_the_model():
    config = Config.fromfile(config_dir() / 'collaborative_learning/collaborative_resnet50_1xb1-200k_voc07.py')
    with torch.device('meta'):
        model = MODELS.build(config.model)
    expected = {k: v for k, v in model.state_dict().items() if not k.endswith('num_batches_tracked')}
    state = {f'resnet.{name}': torch.empty(shape, device='meta') for name, shape in resnet_shapes(50).items()}
    state['resnet.fc.weight'] = torch.empty(1000, 2048, device='meta')
    widths = {(CLASSES, FC): (20, 2048), (CLASSES + 1, FC): (21, 2048), (4 * (CLASSES + 1), FC): (84, 2048)}
    for layer, shape in HEADS.items():
        shape = widths.get(shape, shape)
        shape = {'rpn_net': (512, 1024, 3, 3)}.get(layer, shape if len(shape) == 2 else (shape[0], 512, 1, 1))
        state[f'{layer}.weight'] = torch.empty(shape, device='meta')
        state[f'{layer}.bias'] = torch.empty(shape[0], device='meta')
    result = convert_collaborative(state)
    assert {k: v.shape for k, v in result.state_dict.items()} == {k: v.shape for k, v in expected.items()}
    assert result.dropped == ['resnet.fc.weight'] and result.meta['source'] == 'resnet-caffe'
    back = export_collaborative(model.state_dict()).state_dict
    assert {k: v.shape for k, v in back.items()} == {k: v.shape for k, v in state.items() if '.fc.' not in k}


def test_another_number_of_classes(tmp_path, capsys, monkeypatch):
    state = reference_checkpoint()
    result = convert_collaborative(state, num_classes=CLASSES, shapes=SHAPES)
    assert not any('WARNING' in note for note in result.notes)
    result = convert_collaborative(state, num_classes=6, shapes=SHAPES)
    (warning,) = (note for note in result.notes if 'WARNING' in note)
    assert 'for 4 classes, not 6' in warning and 'roi_head.bbox_head.fc_reg.weight' in warning
    assert {name.split('.')[1] for name in result.dropped} == {'weak_head', 'bbox_head'} and len(result.dropped) == 8
    assert 'rpn_head.rpn_cls.weight' in result.state_dict
    # on the command line
    torch.save(state, tmp_path / 'theirs.pth')
    monkeypatch.setattr('wsod_mm.utils.weights.collaborative.vgg16_shapes', lambda: SHAPES)
    main = runpy.run_path(str(Path(__file__).resolve().parents[2] / 'tools' / 'convert_weights.py'))['main']
    files = [str(tmp_path / 'theirs.pth'), str(tmp_path / 'ours.pth')]
    assert main(['collaborative', *files, '--num-classes', '6']) == 0
    assert 'WARNING: the heads of the file are for 4 classes, not 6' in capsys.readouterr().out
    assert main(['collaborative-export', files[1], str(tmp_path / 'back.pth')]) == 1
    assert 'fc_cls.weight' in capsys.readouterr().err


def test_a_training_that_starts_from_other_classes_says_which_layers_do_not_fit(tmp_path):
    state = convert_collaborative(reference_checkpoint(), shapes=SHAPES).state_dict
    torch.save(state, tmp_path / 'ours.pth')
    heads = dict(
        weak_head=dict(type='WSDDNHead', in_channels=FC, num_classes=6),
        bbox_head=dict(type='StrongBBoxHead', in_channels=FC, num_classes=6),
    )
    model = detector(roi_head=heads)
    load_checkpoint(model, str(tmp_path / 'ours.pth'), strict=False)
    assert torch.equal(model.rpn_head.rpn_cls.weight, state['rpn_head.rpn_cls.weight'])

    class Runner:
        _train_loop, _resume, _load_from = Loop(), False, 'ours.pth'
        warnings = []
        logger = type('Logger', (), {'warning': staticmethod(warnings.append)})

    Runner.model = model
    CheckpointGuardHook().after_load_checkpoint(Runner, dict(state_dict=state))
    (message,) = Runner.warnings
    assert 'roi_head.weak_head.fc_cls.weight (4, 16) in the file, (6, 16) in the model' in message
    assert 'keep their initial weights' in message


def _without(name):
    state = reference_checkpoint()
    del state[name]
    return state


def _other(name, shape):
    return {**reference_checkpoint(), name: torch.zeros(shape)}


@pytest.mark.parametrize(
    ('state', 'match'),
    [
        (_without('vgg.features.0.weight'), 'backbone.features.0.weight missing'),
        (_without('cls_score_net.bias'), 'cls_score_net.bias missing'),
        (_without('rpn_net.weight'), 'rpn_net.weight missing'),
        (_other('vgg.classifier.0.weight', (FC, 3)), 'fc6.weight is .* expected'),
        (_other('bbox_pred_net.bias', 4 * (CLASSES + 1)), 'a plain Faster R-CNN'),
        (_other('cls_score_net_fast.bias', CLASSES), 'cls_score_net_fast has 4 rows, not 5'),
        (_other('rpn_bbox_pred_net.bias', 8), 'rpn_bbox_pred_net has 8 rows, not 36'),
    ],
)
def test_other_files(state, match):
    with pytest.raises(WeightConversionError, match=match):
        convert_collaborative(state, shapes=SHAPES)


def test_files_of_other_networks():
    with pytest.raises(WeightConversionError, match=r'expected vgg.\* or resnet.\*'):
        convert_collaborative({'mobilenet.conv1.weight': torch.zeros(1)})
    with pytest.raises(WeightConversionError, match='no weak branch'):
        convert_collaborative({name: torch.zeros(shape) for name, shape in SHAPES.items()}, shapes=SHAPES)
