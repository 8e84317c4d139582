"""PCL's miner."""

from torch import Tensor

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.pcl_mining import pcl_seeds
from wsod_mm.registry import TASK_UTILS

__all__ = ['PCLMiner']


@TASK_UTILS.register_module()
class PCLMiner:
    """Take the centres of several proposal clusters per class; same contract as
    :class:`~wsod_mm.models.miners.Top1Miner`.

    Args:
        eps: Scores are clamped to [eps, 1 - eps].
        graph_iou: Proposals of the top cluster with a larger IoU are neighbours.
        max_per_class: Most centres of a class.
        min_left: The search ends when at most so many proposals of the top cluster are left.
        max_rounds: Rounds of the search on devices other than the CPU.
    """

    def __init__(
        self,
        eps: float = 1e-9,
        graph_iou: float = 0.4,
        max_per_class: int = 5,
        min_left: int = 5,
        max_rounds: int = 24,
    ) -> None:
        self.eps = eps
        self.graph_iou = graph_iou
        self.max_per_class = max_per_class
        self.min_left = min_left
        self.max_rounds = max_rounds

    def __call__(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Seeds:
        """Mine one image; see :func:`~wsod_mm.functional.pcl_mining.pcl_seeds` for shapes."""
        return pcl_seeds(
            boxes,
            scores,
            labels,
            eps=self.eps,
            graph_iou=self.graph_iou,
            max_per_class=self.max_per_class,
            min_left=self.min_left,
            max_rounds=self.max_rounds,
        )
