"""Miner of Collaborative Learning."""

from torch import Tensor

from wsod_mm.functional.mining import Seeds
from wsod_mm.functional.pseudo_ground_truth import pseudo_ground_truth
from wsod_mm.registry import TASK_UTILS

__all__ = ['PseudoGTMiner']


@TASK_UTILS.register_module()
class PseudoGTMiner:
    """Take all that NMS leaves of the best proposals of each class; same contract as
    :class:`~wsod_mm.models.miners.Top1Miner`.

    Args:
        top_k: Proposals of a class that go into NMS.
        nms_iou: Threshold of NMS.
    """

    def __init__(self, top_k: int = 50, nms_iou: float = 0.1) -> None:
        self.top_k = top_k
        self.nms_iou = nms_iou

    def __call__(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Seeds:
        """Mine one image; see :func:`~wsod_mm.functional.pseudo_ground_truth.pseudo_ground_truth` for shapes."""
        return pseudo_ground_truth(boxes, scores, labels, self.top_k, self.nms_iou)
