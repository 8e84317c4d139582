"""Metrics that are sums over images: a rank keeps and sends one table."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric

__all__ = ['CountTableMetric']

Table = dict[str, Any]


class CountTableMetric(BaseMetric):
    """Base of metrics whose results are tables of counts that add up over images and ranks.

    MMEngine gathers one result per image and cuts off those with which its sampler fills up the last ranks. Here a rank
    adds up what it sees; the table of its last image, the only one that can be such a repetition, is kept apart and
    counts once.
    """

    @abstractmethod
    def count(self, sample: dict) -> Table:
        """Table of one image: numbers and arrays of fixed shapes."""

    @abstractmethod
    def summarise(self, table: Table) -> dict[str, float]:
        """Metrics from the sum of all tables."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add up the tables of a batch.

        Args:
            data_batch: Not used.
            data_samples: One dict per image, as MMEngine's evaluator makes them.
        """
        for sample in data_samples:
            table = self.count(sample)
            if not self.results:
                self.results.append(dict(sum={}, ids=[], last=None))
            entry = self.results[0]
            if entry['last'] is not None:
                name, before = entry['last']
                entry['sum'] = _add(entry['sum'], before)
                entry['ids'].append(name)
            entry['last'] = (str(sample.get('img_id', '')), table)

    def evaluate(self, size: int) -> dict[str, float]:
        """Metrics over all ranks; see ``BaseMetric``.

        Args:
            size: Number of images; not needed.
        """
        if not self.results:
            self.results.append(dict(sum={}, ids=[], last=None))
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Merge the ranks.

        Raises:
            ValueError: No image was evaluated.
        """
        total: Table = {}
        seen: set[str] = set()
        for entry in results:
            total = _add(total, entry['sum'])
            seen.update(entry['ids'] if len(results) > 1 else ())
        for entry in results:
            if entry['last'] is not None and (not entry['last'][0] or entry['last'][0] not in seen):
                total = _add(total, entry['last'][1])
                seen.add(entry['last'][0])
        if not total:
            raise ValueError(f'{type(self).__name__} got no image to evaluate')
        return self.summarise(total)


def _add(first: Table, second: Table) -> Table:
    if not first or not second:
        return dict(first or second)
    return {key: np.add(value, second[key]) for key, value in first.items()}
