import uuid

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from tests.models.miaod import SIZE, images, retina_head, sample, samples
from tests.models.stock_detectors import HEADS, scatter, stock_detector
from wsod_mm.active.strategies import LearningLossStrategy
from wsod_mm.models.detectors import learning_loss_detector

LOSS_HEAD = dict(type='LossPredictionHead', in_channels=[8, 8], feat_channels=16)


def learner(head='retina', **options):
    options = dict(type='LearningLossDetector', loss_head=LOSS_HEAD) | options
    return scatter(stock_detector(HEADS[head](), **options), 0.1)


def three_samples():
    """The last one has no object."""
    return [*samples(), sample([], [])]


def put(hub_values):
    """What MMEngine's RuntimeInfoHook would have put there."""
    hub = MessageHub.get_instance(uuid.uuid4().hex)
    for name, value in hub_values.items():
        hub.update_info(name, value)


@pytest.mark.parametrize('head', HEADS)
def test_targets_are_the_losses_of_the_images_alone(head, monkeypatch):
    model, plain = learner(head), scatter(stock_detector(HEADS[head]()), 0.1)
    seen = []
    original = model.loss_head.loss
    monkeypatch.setattr(model.loss_head, 'loss', lambda x, target: seen.append(target) or original(x, target))
    calls = []
    model.bbox_head.register_forward_hook(lambda *args: calls.append(1))
    batch = images(number=3)
    found = model.loss(batch, three_samples())
    assert len(calls) == 1
    alone = [plain.parse_losses(plain.loss(batch[i : i + 1], [s]))[0] for i, s in enumerate(three_samples())]
    torch.testing.assert_close(seen[0], torch.stack(alone))
    assert not seen[0].requires_grad and len(set(seen[0].tolist())) == 3
    # nothing else has changed
    expected = plain.loss(batch, three_samples())
    assert found.keys() - expected.keys() == {'loss_pred'}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    torch.testing.assert_close(found['loss_pred'], original(model.extract_feat(batch), seen[0])['loss_pred'])


CUT = [
    (None, dict(epoch=99, iter=99, max_iters=100), False),
    (2, dict(epoch=1, iter=99, max_iters=100), False),
    (2, dict(epoch=2, iter=0, max_iters=100), True),
    (0, dict(epoch=0, iter=0, max_iters=100), True),
    (0.6, dict(epoch=99, iter=59, max_iters=100), False),
    (0.6, dict(epoch=0, iter=60, max_iters=100), True),
    (1.0, dict(epoch=9, iter=99, max_iters=100), False),
]


@pytest.mark.parametrize(('stop', 'progress', 'cut'), CUT)
def test_gradient_into_the_features(stop, progress, cut):
    put(dict(progress, loop_stage='train'))
    model = learner(stop_grad_epoch=stop)
    model.loss(images(), samples())['loss_pred'].backward()
    assert model.stops_gradient() is cut
    assert all((p.grad is None) == cut for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.loss_head.parameters())
    assert all(p.grad is None for p in model.bbox_head.parameters())


def test_a_finished_training_says_nothing_about_the_next():
    put(dict(epoch=9, iter=100, max_iters=100))
    assert not learner(stop_grad_epoch=0.6).stops_gradient()


@pytest.mark.parametrize('by_epoch', [True, False], ids=['epochs', 'iterations'])
def test_in_a_run(tmp_path, by_epoch):
    class Record(Hook):
        seen = []

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            assert outputs['loss_pred'] >= 0
            self.seen.append(runner.model.stops_gradient())

    generator = torch.Generator().manual_seed(0)
    data = [
        dict(inputs=torch.randint(0, 256, (3, *SIZE), generator=generator, dtype=torch.uint8), data_samples=s)
        for s in three_samples()
    ]
    loader = DataLoader(
        data, batch_size=2, collate_fn=lambda rows: {key: [row[key] for row in rows] for key in rows[0]}
    )
    Runner(
        model=learner(stop_grad_epoch=0.5),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=4) if by_epoch else dict(by_epoch=False, max_iters=8),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3)),
        default_hooks=dict(checkpoint=None),
        custom_hooks=[Record()],
        experiment_name=uuid.uuid4().hex,
        default_scope='wsod_mm',
    ).train()
    assert Record.seen == [False] * 4 + [True] * 4


def test_strategy_asks_for_the_predicted_loss():
    model = learner().eval()
    strategy = LearningLossStrategy()
    strategy.check(model)
    found = strategy.score(model, images(), samples())
    assert found.shape == (2,) and found.dtype == torch.float32 and not found.requires_grad
    torch.testing.assert_close(found, model.loss_head(model.extract_feat(images())).detach())


def test_detections_are_those_of_a_plain_detector():
    model, plain = learner().eval(), scatter(stock_detector(), 0.1).eval()
    for one, other in zip(model.predict(images(), samples()), plain.predict(images(), samples()), strict=True):
        assert torch.equal(one.pred_instances.bboxes, other.pred_instances.bboxes)


def test_heads_without_a_loss_per_image_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r'MIAODRetinaHead has a loss\(\) of its own'):
        stock_detector(retina_head(), type='LearningLossDetector', loss_head=LOSS_HEAD)
    monkeypatch.setattr(learning_loss_detector, 'get_world_size', lambda: 2)
    for head, refused in dict(retina=False, ssd=False, fcos=True, atss=True).items():
        model = learner(head)
        if refused:
            with pytest.raises(ValueError, match='averages its normaliser'):
                model.loss(images(), samples())
        else:
            model.loss(images(), samples())


def test_errors():
    for stop in (-1, 1.5, True, 'half'):
        with pytest.raises(ValueError, match='stop_grad_epoch must'):
            learner(stop_grad_epoch=stop)
