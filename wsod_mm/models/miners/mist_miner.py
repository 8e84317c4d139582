"""MIST's miner."""

from torch import Tensor

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.mist_mining import mist_seeds
from wsod_mm.registry import TASK_UTILS

__all__ = ['MISTMiner']


@TASK_UTILS.register_module()
class MISTMiner:
    """Take the best proposals of a class that hardly overlap; same contract as
    :class:`~wsod_mm.models.miners.Top1Miner`.

    Args:
        eps: Scores are clamped to [eps, 1 - eps].
        top_fraction: Share of the proposals that is looked at.
        nms_iou: A proposal with at least this IoU with a better seed is not a seed.
        max_per_class: Most seeds of a class; ``None``: no limit, as in the paper, which on a GPU needs much memory.
        max_rounds: Rounds of the selection on devices other than the CPU.
    """

    def __init__(
        self,
        eps: float = 1e-9,
        top_fraction: float = 0.15,
        nms_iou: float = 0.2,
        max_per_class: int | None = None,
        max_rounds: int = 16,
    ) -> None:
        self.eps = eps
        self.top_fraction = top_fraction
        self.nms_iou = nms_iou
        self.max_per_class = max_per_class
        self.max_rounds = max_rounds

    def __call__(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Seeds:
        """Mine one image; see :func:`~wsod_mm.functional.mist_mining.mist_seeds` for shapes."""
        return mist_seeds(
            boxes,
            scores,
            labels,
            eps=self.eps,
            top_fraction=self.top_fraction,
            nms_iou=self.nms_iou,
            max_per_class=self.max_per_class,
            max_rounds=self.max_rounds,
        )
