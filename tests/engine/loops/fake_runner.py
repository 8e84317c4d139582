"""Just enough of a runner to run a loop in this process: real loop, loaders, optimizer and schedulers."""

import logging
from types import SimpleNamespace

import torch
from mmengine.config import ConfigDict
from mmengine.hooks import ParamSchedulerHook
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import Runner

from tests.engine.loops import toy  # noqa: F401  (the data set)
from tests.models.miaod import detector
from wsod_mm.engine import OptimWrapper
from wsod_mm.engine.loops import MIAODTrainLoop

LR = 1e-3


def loader(size, labeled, batch_size=2, **dataset):
    """Config of a data loader over toy images."""
    return dict(
        batch_size=batch_size,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(type='ToyDetDataset', size=size, labeled=labeled, **dataset),
    )


class FakeRunner:
    """Runs a ``MIAODTrainLoop`` on a tiny detector whose steps are noted and not made.

    Args:
        labeled: Config of the labeled loader.
        unlabeled: Of the unlabeled loader, or ``None``.
        schedulers: Entries of ``param_scheduler``.
        wave_dis: What unlabeled steps of "min" log.
        options: Of the loop.

    Attributes:
        steps: One entry per step: epoch, stage, learning rate, trained parts, whether labeled, smallest coordinate
            of the boxes (-1: there are none), number of images.
        validated: Number of finished epochs at each validation.
    """

    seed = 5
    build_dataloader = staticmethod(Runner.build_dataloader)

    def __init__(self, labeled, unlabeled, schedulers=(), wave_dis=0.5, **options):
        self.cfg = ConfigDict(randomness=dict(seed=5))
        self._randomness_cfg = self.cfg.randomness
        self.logger = logging.getLogger('fake_runner')
        self.visualizer = SimpleNamespace()
        self.message_hub = SimpleNamespace(log_scalars={})
        self.model = detector()
        self.model.train_step = self._step
        self.optim_wrapper = OptimWrapper(torch.optim.SGD(self.model.parameters(), LR, momentum=0.9))
        self.param_schedulers = [
            PARAM_SCHEDULERS.build(dict(s), default_args=dict(optimizer=self.optim_wrapper.optimizer))
            for s in schedulers
        ]
        self.wave_dis, self.steps, self.validated = wave_dis, [], []
        self.val_loop = SimpleNamespace(run=lambda: self.validated.append(self.train_loop.epoch))
        self.hooks = [ParamSchedulerHook()]
        self.train_loop = MIAODTrainLoop(self, labeled, unlabeled, **options)

    def call_hook(self, name, **kwargs):
        for hook in self.hooks:
            getattr(hook, name)(self, **kwargs)

    def _step(self, data, optim_wrapper):
        optim_wrapper.step()  # without a gradient
        samples = data['data_samples']
        boxes = [s.gt_instances.bboxes.min().item() if 'gt_instances' in s else -1.0 for s in samples]
        self.steps.append(
            SimpleNamespace(
                epoch=self.train_loop.epoch,
                stage=self.model.bbox_head.stage,
                lr=optim_wrapper.optimizer.param_groups[0]['lr'],
                parts={self.model.group_of(n) for n, p in self.model.named_parameters() if p.requires_grad},
                labeled=samples[0].labeled,
                min_box=min(boxes),
                images=[s.img_id for s in samples],
            )
        )
        logged = dict(loss=torch.tensor(1.0))
        if self.steps[-1].stage == 'min':
            logged['loss_wave_dis'] = torch.tensor(0.0 if samples[0].labeled else self.wave_dis)
        return logged
