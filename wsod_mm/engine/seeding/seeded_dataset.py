"""A dataset whose random transforms depend on the sample's key alone."""

from typing import Any, NamedTuple

from torch.utils.data import Dataset

from wsod_mm.engine.seeding.seeds import mix_seed, seed_sample

__all__ = ['SampleKey', 'SeededDataset']


class SampleKey(NamedTuple):
    """What the sampler sends to a data worker instead of a bare index.

    Attributes:
        epoch: Epoch number.
        turn: How often the data set was gone through within the epoch (endless samplers never leave epoch 0).
        index: Index into the data set.
    """

    epoch: int
    turn: int
    index: int


class SeededDataset(Dataset):
    """Seed ``random``, ``numpy`` and torch with (seed, epoch, turn, index) before a sample is made.

    The augmentation of a sample then depends neither on the worker that makes it, nor on the number of workers and of
    processes, nor on what the worker did before: a resumed run sees the very same images.

    Args:
        dataset: The data set; its attributes are reachable through this object.
        seed: Base seed, equal on all ranks.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: SampleKey | int) -> Any:
        if isinstance(key, SampleKey):
            seed_sample(mix_seed(self.seed, *key))
            return self.dataset[key.index]
        return self.dataset[key]

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset' or name.startswith('__'):  # not yet set while unpickling; torch probes for dunders
            raise AttributeError(name)
        return getattr(self.dataset, name)
