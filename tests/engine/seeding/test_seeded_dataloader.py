"""Batches are a function of the seed and the position."""

import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from wsod_mm.engine.seeding import (
    SampleKey,
    SeededBatchSampler,
    SeededDataset,
    mix_seed,
    seeded_dataloader,
)


class Noise(torch.utils.data.Dataset):
    """The index and three random numbers."""

    metainfo = dict(classes=('a',))

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index, random.random(), float(np.random.rand()), float(torch.rand(()))


def loader(endless=False, workers=0, sampler=DefaultSampler, seed=5, batch_size=3, **options):
    data = Noise()
    plain = DataLoader(
        data,
        batch_size=batch_size,
        sampler=sampler(data, shuffle=True, seed=3),
        num_workers=workers,
        collate_fn=list,
        **options,
    )
    return seeded_dataloader(plain, seed, endless)


def batches(made, epoch=0, start=0, count=None):
    made.batch_sampler.epoch, made.batch_sampler.start = epoch, start
    return list(itertools.islice(made, count))


class Shapes(Noise):
    """Every third image is upright."""

    def get_data_info(self, index):
        return dict(width=1 + index % 3, height=2)


def test_pass_that_was_left_early_leaves_nothing():
    """MMDetection's sampler keeps the images of a group whose batch was the last one asked for."""
    data = Shapes()
    expected = None
    for left_after in (None, 1, 2, 3):
        groups = AspectRatioBatchSampler(DefaultSampler(data, shuffle=True, seed=3), 2)
        made = seeded_dataloader(DataLoader(data, batch_sampler=groups, collate_fn=list), 5)
        if left_after:
            assert len(batches(made, count=left_after)) == left_after
        found = batches(made, epoch=1)
        assert sorted(sample[0] for batch in found for sample in batch) == list(range(10))
        expected = expected or found
        assert found == expected


@pytest.mark.parametrize('options', [{}, {'persistent_workers': True}])
def test_independent_of_workers_and_history(options):
    expected = batches(loader(), epoch=1)
    made = loader(workers=2, **options)
    batches(made, epoch=0)
    torch.manual_seed(99)
    assert batches(made, epoch=1) == expected


def test_epochs_and_seeds_differ():
    one, two = batches(loader(), epoch=0), batches(loader(), epoch=1)
    by_index = [{sample[0]: sample[1:] for batch in run for sample in batch} for run in (one, two)]
    assert by_index[0].keys() == by_index[1].keys() == set(range(10))
    assert all(by_index[0][i] != by_index[1][i] for i in range(10))
    assert [[s[0] for s in b] for b in one] != [[s[0] for s in b] for b in two]
    assert batches(loader(seed=6)) != one


@pytest.mark.parametrize('workers', [0, 2])
def test_start_skips_batches_once(workers):
    made = loader(workers=workers)
    whole = batches(made, epoch=2)
    assert batches(made, epoch=2, start=3) == whole[3:]
    made.batch_sampler.epoch = 2
    assert list(made) == whole
    assert len(made) == 4


@pytest.mark.parametrize('sampler', [DefaultSampler, InfiniteSampler])
def test_endless_start_anywhere(sampler):
    whole = batches(loader(True, sampler=sampler), count=15)
    seen = [sample for batch in whole for sample in batch]
    assert len(set(seen)) == len(seen)  # a sample that comes again is augmented anew
    for start in (1, 4, 9):
        resumed = loader(True, workers=2, sampler=sampler)
        assert batches(resumed, start=start, count=3) == whole[start : start + 3]


def test_skipped_batches_are_not_loaded(monkeypatch):
    loaded = []
    original = Noise.__getitem__
    monkeypatch.setattr(Noise, '__getitem__', lambda s, i: loaded.append(i) or original(s, i))
    batches(loader(True, sampler=InfiniteSampler), start=1000, count=1)
    assert len(loaded) == 3


def test_restart_forgets_what_was_drawn():
    made = loader(True, sampler=InfiniteSampler)
    first = batches(made, count=2)
    assert batches(made, count=2) != first
    made.batch_sampler.restart()
    assert batches(made, count=2) == first
    made.batch_sampler.restart(seed=4)
    assert batches(made, count=2) != first


def test_augmentation_is_independent_of_the_world_size():
    single = batches(loader(batch_size=2))
    ranks = []
    for rank in (0, 1):
        sampler = DefaultSampler(Noise(), shuffle=True, seed=3)
        sampler.rank, sampler.world_size, sampler.num_samples = rank, 2, 5
        batch_sampler = SeededBatchSampler(BatchSampler(sampler, 1, False), 10)
        batch_sampler.rank, batch_sampler.world_size = rank, 2
        data = SeededDataset(Noise(), 5)
        ranks.append([data[key] for keys in batch_sampler for key in keys])
    assert [list(pair) for pair in zip(*ranks, strict=True)] == single


def test_dataset_is_transparent_and_can_be_pickled():
    data = pickle.loads(pickle.dumps(SeededDataset(Noise(), 1)))
    assert data.metainfo == dict(classes=('a',)) and len(data) == 10
    assert data[4][0] == 4
    assert data[SampleKey(0, 0, 4)] == data[SampleKey(0, 0, 4)] != data[SampleKey(0, 1, 4)]
    with pytest.raises(AttributeError):
        _ = data.nothing


def test_already_seeded_is_returned():
    made = loader()
    assert seeded_dataloader(made, 1) is made


def test_what_cannot_be_resumed_is_refused():

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(())

    with pytest.raises(TypeError, match='iterable'):
        seeded_dataloader(DataLoader(Stream()), 0)


def test_mix_seed_separates_neighbours():
    seeds = {mix_seed(a, b, c) for a in range(5) for b in range(5) for c in range(5)}
    assert len(seeds) == 125 and all(0 <= s < 2**63 for s in seeds)
    bits = bin(mix_seed(0, 1, 2) ^ mix_seed(0, 1, 3)).count('1')
    assert 10 < bits < 53
