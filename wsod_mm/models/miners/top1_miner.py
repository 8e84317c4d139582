"""OICR's miner."""

from torch import Tensor

from wsod_mm.functional.mining import Seeds, top1_seeds
from wsod_mm.registry import TASK_UTILS

__all__ = ['Top1Miner']


@TASK_UTILS.register_module()
class Top1Miner:
    """Take the best proposal of every class in the image.

    The contract of all miners: called with the proposals, their scores and the image labels of one image, return
    :class:`~wsod_mm.functional.mining.Seeds`; no gradient, no host synchronisation.

    Args:
        eps: Scores are clamped to [eps, 1 - eps].
    """

    def __init__(self, eps: float = 1e-9) -> None:
        self.eps = eps

    def __call__(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Seeds:
        """Mine one image; see :func:`~wsod_mm.functional.mining.top1_seeds` for shapes."""
        return top1_seeds(boxes, scores, labels, eps=self.eps)
