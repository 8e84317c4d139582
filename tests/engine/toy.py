"""A model, a data set and a metric of a few lines, so that the engine's tests need no detector."""

import os
import random
import time

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel, BaseTTAModel, is_model_wrapper
from torch import nn
from torch.utils.data import Dataset

from wsod_mm.registry import DATASETS, HOOKS, METRICS, MODELS

CLASSES = ('cat', 'dog', 'bird')


@DATASETS.register_module()
class ToyDataset(Dataset):
    """``size`` fixed points, augmented at random by all three generators that transforms use."""

    def __init__(self, size=22, dim=6, classes=CLASSES, augment=True, delay=0.0):
        generator = torch.Generator().manual_seed(7)
        self.points = torch.randn(size, dim, generator=generator)
        self.labels = torch.randint(len(classes), (size,), generator=generator)
        self.metainfo = dict(classes=tuple(classes), palette=[(1, 2, 3)] * len(classes))
        self.augment = augment
        self.delay = delay

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        point = self.points[index].clone()
        if self.augment:
            point += random.random() + torch.rand(point.shape) + torch.from_numpy(np.random.rand(len(point))).float()
        time.sleep(self.delay)
        return dict(inputs=point, labels=self.labels[index])


@MODELS.register_module()
class ToyModel(BaseModel):
    """Two layers with dropout."""

    def __init__(self, dim=6, num_classes=3, dropout=0.5, slow=0.0, **kwargs):
        super().__init__(**kwargs)
        self.body = nn.Linear(dim, 8)
        self.norm = nn.BatchNorm1d(8) if dropout else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, num_classes)
        self.slow = slow

    def forward(self, inputs, labels, mode='tensor'):
        inputs, labels = torch.stack(list(inputs)), torch.stack(list(labels))
        logits = self.head(self.dropout(self.norm(self.body(inputs).relu())))
        if mode == 'loss':
            time.sleep(self.slow)
            _announce()
            return dict(loss_cls=nn.functional.cross_entropy(logits.float(), labels))
        return [dict(score=row, label=label) for row, label in zip(logits, labels, strict=True)]


def _announce():
    """Append a byte to the file that a test watches, one per training step of this process."""
    if os.environ.get('TOY_PROGRESS'):
        with open(os.environ['TOY_PROGRESS'], 'ab') as handle:
            handle.write(b'.')


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Accuracy, with per-class numbers as ``details``."""

    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += [(int(s['score'].argmax()), int(s['label'])) for s in data_samples]

    def compute_metrics(self, results):
        hits = np.array([a == b for a, b in results], dtype=np.float64)
        labels = np.array([b for _, b in results])
        self.details = dict(per_class={CLASSES[c]: hits[labels == c].mean() for c in np.unique(labels)})
        return dict(accuracy=float(hits.mean() * 100))


@MODELS.register_module()
class ToyTTAModel(BaseTTAModel):
    """Averages the scores of the views."""

    def merge_preds(self, data_samples_list):
        return [
            dict(score=torch.stack([view['score'] for view in views]).mean(0), label=views[0]['label'])
            for views in data_samples_list
        ]


@HOOKS.register_module()
class AnnounceHook(Hook):
    """Tell the watching test of each training step, for models that do not do so themselves."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        _announce()


@HOOKS.register_module()
class DumpRankHook(Hook):
    """Write the weights that each process ends with to ``<work_dir>/rank<N>.pth``."""

    priority = 'LOWEST'

    def after_train(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        torch.save(model.state_dict(), os.path.join(runner.work_dir, f'rank{get_rank()}.pth'))
