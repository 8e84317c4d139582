"""A tiny detector of MI-AOD, data for it, and hooks that note what the loop does."""

import json
import os
import random
import signal
import weakref
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch.utils.data import BatchSampler, Dataset

from tests.models.miaod import SIZE, TwoConvs, sample, spread
from wsod_mm.models.detectors import MIAODDetector
from wsod_mm.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS

MODELS.register_module(name='ToyTwoConvs', module=TwoConvs)
CONFIG = Path(__file__).with_name('toy_config.py')
TRACE, DIE_AFTER = 'MIAOD_TRACE', 'MIAOD_DIE_AFTER'


def trace(**line):
    """Append a line to this process's trace, where a test asked for one."""
    if os.environ.get(TRACE):
        with open(f'{os.environ[TRACE]}{get_rank()}', 'a') as handle:
            handle.write(json.dumps(line) + '\n')


def read_trace(path, rank=0):
    """Lines of the trace of one process."""
    return [json.loads(line) for line in Path(f'{path}{rank}').read_text().splitlines()]


@MODELS.register_module()
class ToyMIAODDetector(MIAODDetector):
    """Notes each batch: what it holds, after augmentation, and the image loss.

    Classifiers begin so that noise has pseudo labels, and an empty image has none ("hard image").
    """

    def init_weights(self):
        super().init_weights()
        spread(self.bbox_head)
        for part in (self.bbox_head.f_1_retina, self.bbox_head.f_2_retina):
            torch.nn.init.constant_(part.bias, -0.3)
            torch.nn.init.constant_(self.backbone[0].bias, 0)
        for tower in ('f_1_convs', 'f_2_convs'):
            torch.nn.init.constant_(getattr(self.bbox_head, tower)[0].conv.bias, 0)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        result = super().forward(inputs, data_samples, mode)
        if mode == 'loss':
            trace(
                kind='L' if data_samples[0].metainfo.get('labeled', True) else 'U',
                ids=[s.img_id for s in data_samples],
                boxes=[s.gt_instances.bboxes.min().item() if 'gt_instances' in s else -1.0 for s in data_samples],
                checksum=inputs.double().sum().item(),
                imgcls=result['loss_imgcls'].item() if 'loss_imgcls' in result else None,
                stage=self.bbox_head.stage,
            )
        return result


@DATASETS.register_module()
class ToyDetDataset(Dataset):
    """``size`` images of noise, augmented by all three generators that transforms use; the last ``blank`` are empty.

    Args:
        size: Number of images.
        labeled: Whether they have boxes.
        blank: Number of empty images.
    """

    def __init__(self, size=5, labeled=True, blank=0):
        generator = torch.Generator().manual_seed(3 + labeled)
        self.images = torch.randn(size, 3, *SIZE, generator=generator) * 64 + 127
        self.images[size - blank :] = 127
        self.labeled, self.blank = labeled, blank
        self.metainfo = dict(classes=('cat', 'dog', 'bird'))

    def full_init(self):
        """Nothing to do; ``RepeatDataset`` calls it."""

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index].clone()
        if index < len(self) - self.blank:
            image += random.random() + torch.rand(1) + float(np.random.rand())
        truth = ([[1, 1 + index, 30, 30]], [index % 3]) if self.labeled else ()
        return dict(inputs=image, data_samples=sample(*truth, img_id=index, labeled=self.labeled))


@DATA_SAMPLERS.register_module()
class ToyEmptyBatchSampler(BatchSampler):
    """Has a length and no batch, like samplers that group images and drop what does not fill a batch."""

    def __iter__(self):
        return iter(())


@METRICS.register_module()
class ToyDetMetric(BaseMetric):
    """Counts images."""

    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += [1.0] * len(data_samples)

    def compute_metrics(self, results):
        return dict(mAP=sum(results) / 100)


@HOOKS.register_module()
class TraceHook(Hook):
    """Notes epochs, weights and learning rates, and kills the process after an epoch or an iteration."""

    priority = 'LOWEST'

    def __init__(self):
        self.models = []  # weak references to all wrapped models that there were

    def before_train_epoch(self, runner):
        if not self.models or self.models[-1]() is not runner.model:
            self.models.append(weakref.ref(runner.model))
        optimizer = runner.optim_wrapper.optimizer
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        trace(
            kind='epoch',
            epoch=runner.epoch,
            iter=runner.iter,
            stage=model.bbox_head.stage,
            momentum=len(optimizer.state),
            lr=optimizer.param_groups[0]['lr'],
            parts=sorted({model.group_of(n) for n, p in model.named_parameters() if p.requires_grad}),
            wrapped=len(self.models),
            wrappers=sum(model() is not None for model in self.models),
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        trace(kind='iter', iter=runner.iter, names=sorted(outputs), data=data_batch['data_samples'][0].labeled)
        self._die(f'iter {runner.iter}')

    def after_train_epoch(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        torch.save(model.state_dict(), Path(runner.work_dir) / f'weights{get_rank()}_{runner.epoch + 1}.pth')
        self._die(f'epoch {runner.epoch + 1}')

    def after_val_epoch(self, runner, metrics=None):
        trace(kind='val', epoch=runner.epoch)

    @staticmethod
    def _die(here):
        if os.environ.get(DIE_AFTER) == here:
            os.kill(os.getpid(), signal.SIGKILL)
