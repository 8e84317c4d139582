"""A batch sampler that can start in the middle."""

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from wsod_mm.engine.seeding.seeded_dataset import SampleKey

__all__ = ['SeededBatchSampler']


class SeededBatchSampler(Sampler):
    """Wrap a batch sampler: yield :class:`SampleKey`, and skip batches without loading them.

    Args:
        batch_sampler: The batch sampler to wrap; its order must depend on its seed and epoch only.
        size: Number of samples in the data set.
        endless: Go on with the next epoch when one is through, as an iteration-based loop wants it.

    Attributes:
        epoch: The epoch to draw next; set it before iterating.
        start: Batches to leave out at the head of the next iteration; used once.
    """

    def __init__(self, batch_sampler: Sampler, size: int, endless: bool = False) -> None:
        self.batch_sampler = batch_sampler
        self.size = max(size, 1)
        self.endless = endless
        self.epoch = 0
        self.start = 0
        self.rank, self.world_size = get_dist_info()

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        skip, self.start = self.start, 0
        epoch, seen = self.epoch, 0
        while True:
            self._set_epoch(epoch)
            self._forget_leftovers()
            drawn = 0
            empty = True
            for batch in self.batch_sampler:
                empty = False
                keys = []
                for index in batch:
                    # samples are dealt to the ranks in turn, so this counts passes over the whole data set
                    turn = (drawn * self.world_size + self.rank) // self.size
                    keys.append(SampleKey(epoch, turn, int(index)))
                    drawn += 1
                if seen >= skip:
                    yield keys
                seen += 1
            if not self.endless or empty:
                return
            epoch += 1

    def __getattr__(self, name: str) -> Any:
        if name == 'batch_sampler' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.batch_sampler, name)

    def restart(self, seed: int | None = None) -> None:
        """Forget what was drawn, so that the next iteration begins with the first batch.

        Args:
            seed: New seed of the wrapped sampler, ``None`` to keep it.
        """
        sampler = getattr(self.batch_sampler, 'sampler', None)
        if seed is not None and hasattr(sampler, 'seed'):
            sampler.seed = seed
        if isinstance(sampler, InfiniteSampler):  # draws from one generator, which a started loader has consumed
            sampler.indices = sampler._indices_of_rank()

    def _forget_leftovers(self) -> None:
        """Empty the groups of a pass that was left before its end.

        MMDetection's samplers that group images by shape keep them from one pass to the next, and do not empty a group
        while its batch is out: what follows would depend on where the pass was left, and hold those images twice.
        """
        for name in ('_aspect_ratio_buckets', '_buckets'):
            if isinstance(getattr(self.batch_sampler, name, None), list):
                setattr(self.batch_sampler, name, _emptied(getattr(self.batch_sampler, name)))

    def _set_epoch(self, epoch: int) -> None:
        sampler = getattr(self.batch_sampler, 'sampler', None)
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)


def _emptied(groups: list) -> list:
    """Nested lists of the same structure, without entries."""
    return [_emptied(group) for group in groups] if groups and isinstance(groups[0], list) else []
