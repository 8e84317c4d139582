"""A pool whose images are numbers, a model that scores them, and how to score with several processes."""

import multiprocessing
import time
from types import SimpleNamespace

import numpy as np
import torch
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.data import DataLoader, Dataset

from wsod_mm.active.scoring import missing_ids, score_images

N = 31
CANDIDATES = np.array([30, 2, 3, 5, 7, 8, 11, 12, 17, 20, 21, 22, 23, 28])
LIMIT = 60.0


class NumberSet(Dataset):
    """Image i is filled with i."""

    def __init__(self, ids):
        self.ids = [int(i) for i in ids]

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        i = self.ids[index]
        sample = BaseDataElement(metainfo=dict(pool_id=i, img_path=f'images/{i:03d}.jpg'))
        return dict(inputs=torch.full((3, 4, 4), float(i)), data_samples=sample)


class NumberModel(nn.Module):
    """Its batch norm would show if it were scored in training mode."""

    def __init__(self):
        super().__init__()
        self.norm, self.frozen = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.frozen.eval()

    def data_preprocessor(self, data, training):
        assert not training
        return dict(inputs=torch.stack(data['inputs']), data_samples=data['data_samples'])

    def forward(self, x):
        return self.frozen(self.norm(x)).mean(dim=(1, 2, 3))


class NumberStrategy:
    """Scores sin(i); counts; may stop at an image, or give NaN there."""

    def __init__(self, width=None, nan=(), stop=None):
        self.width, self.nan, self.stop, self.seen = width, set(nan), stop, []

    def check(self, model):
        if not hasattr(model, 'norm'):
            raise ValueError('needs a model with norm')

    def score(self, model, batch_inputs, batch_data_samples):
        assert not any(module.training for module in model.modules()) and not torch.is_grad_enabled()
        ids = [sample.metainfo['pool_id'] for sample in batch_data_samples]
        if self.stop in ids:
            raise KeyboardInterrupt
        self.seen += ids
        values = torch.sin(model(batch_inputs))
        values[torch.tensor([i in self.nan for i in ids])] = torch.nan
        return values if self.width is None else values[:, None] * torch.arange(1.0, self.width + 1)


def loader(ids, batch_size=1, **kwargs):
    """Data loader as the runner builds it."""
    data = NumberSet(ids)
    sampler = DefaultSampler(data, **{'shuffle': False, 'round_up': False, 'seed': 0, **kwargs})
    return DataLoader(data, batch_size, sampler=sampler, collate_fn=pseudo_collate)


def score(strategy=None, partial=None, candidates=CANDIDATES, key='', model=None, **kwargs):
    """Score what is missing."""
    data = loader(missing_ids(partial, candidates, key))
    return score_images(
        model or NumberModel(), data, strategy or NumberStrategy(), N, partial, candidates=candidates, key=key, **kwargs
    )


def expected(width=None):
    """What comes out."""
    result = np.full((N,) if width is None else (N, width), np.nan, np.float32)
    strategy = NumberStrategy(width)
    for i in CANDIDATES:
        model = NumberModel().eval()
        with torch.no_grad():
            result[i] = strategy.score(model, torch.full((1, 3, 4, 4), float(i)), [NumberSet([i])[0]['data_samples']])
    return result


def in_processes(world_size, function, folder, *args):
    """Run ``function(*args)`` in gloo processes; returns ``(kind, result or message)`` of each rank.

    Forked, not spawned: a new interpreter takes seconds to import everything.
    """
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    store = folder / f'store{world_size}-{time.monotonic_ns()}'
    jobs = [
        context.Process(target=_worker, args=(rank, world_size, store, queue, function, args), daemon=True)
        for rank in range(world_size)
    ]
    for job in jobs:
        job.start()
    try:
        results = dict(queue.get(timeout=LIMIT) for _ in jobs)
        for job in jobs:
            job.join(LIMIT)
    finally:
        for job in jobs:
            if job.is_alive():
                job.kill()
    return [results[rank] for rank in range(world_size)]


def _worker(rank, world_size, store, queue, function, args):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=world_size)
    try:
        outcome = SimpleNamespace(kind='result', value=function(*args))
    except (Exception, KeyboardInterrupt) as error:
        outcome = SimpleNamespace(kind=type(error).__name__, value=str(error))
    if outcome.kind != 'KeyboardInterrupt':  # one that was killed does not wait for the others
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    queue.put((rank, (outcome.kind, outcome.value)))
