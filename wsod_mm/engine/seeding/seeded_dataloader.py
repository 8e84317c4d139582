"""Make a data loader repeatable and resumable."""

from torch.utils.data import DataLoader, IterableDataset

from wsod_mm.engine.seeding.seeded_batch_sampler import SeededBatchSampler
from wsod_mm.engine.seeding.seeded_dataset import SeededDataset

__all__ = ['can_be_seeded', 'seeded_dataloader']


def can_be_seeded(dataloader: DataLoader) -> bool:
    """Whether a loader draws indices in batches, which :func:`seeded_dataloader` needs."""
    return (
        isinstance(dataloader, DataLoader)
        and dataloader.batch_sampler is not None
        and not isinstance(dataloader.dataset, IterableDataset)
    )


def seeded_dataloader(dataloader: DataLoader, seed: int, endless: bool = False) -> DataLoader:
    """Rebuild a data loader over :class:`SeededDataset` and :class:`SeededBatchSampler`.

    Args:
        dataloader: The loader; one that was rebuilt already is returned as it is.
        seed: Base seed of the augmentations, equal on all ranks.
        endless: Never stop, for iteration-based loops.

    Returns:
        A new loader with the same options. Its ``batch_sampler`` is a :class:`SeededBatchSampler`.

    Raises:
        TypeError: The loader works on an iterable data set or without batches, so that its order is out of reach.
    """
    if isinstance(dataloader.batch_sampler, SeededBatchSampler):
        return dataloader
    if not can_be_seeded(dataloader):
        raise TypeError(
            'a data loader over an iterable data set, or one without a batch sampler, cannot be made resumable'
        )
    options = {}
    if dataloader.num_workers > 0:
        options = dict(
            prefetch_factor=dataloader.prefetch_factor,
            persistent_workers=dataloader.persistent_workers,
            multiprocessing_context=dataloader.multiprocessing_context,
        )
    return DataLoader(
        SeededDataset(dataloader.dataset, seed),
        batch_sampler=SeededBatchSampler(dataloader.batch_sampler, len(dataloader.dataset), endless),
        num_workers=dataloader.num_workers,
        collate_fn=dataloader.collate_fn,
        pin_memory=dataloader.pin_memory,
        timeout=dataloader.timeout,
        worker_init_fn=dataloader.worker_init_fn,
        generator=dataloader.generator,
        **options,
    )
