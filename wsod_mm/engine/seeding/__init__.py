"""Randomness as a function of (seed, position): what makes a resumed run repeat an uninterrupted one."""

from wsod_mm.engine.seeding.seeded_batch_sampler import SeededBatchSampler
from wsod_mm.engine.seeding.seeded_dataloader import can_be_seeded, seeded_dataloader
from wsod_mm.engine.seeding.seeded_dataset import SampleKey, SeededDataset
from wsod_mm.engine.seeding.seeds import mix_seed, seed_everything, seed_sample

__all__ = [
    'SampleKey',
    'SeededBatchSampler',
    'SeededDataset',
    'can_be_seeded',
    'mix_seed',
    'seed_everything',
    'seed_sample',
    'seeded_dataloader',
]
