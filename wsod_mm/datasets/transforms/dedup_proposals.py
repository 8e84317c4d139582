"""One proposal per group of cells."""

from mmcv.transforms import BaseTransform
from mmdet.structures.bbox import BaseBoxes

from wsod_mm.functional.proposals import first_of_scaled_duplicates
from wsod_mm.registry import TRANSFORMS

__all__ = ['DedupProposals']


@TRANSFORMS.register_module()
class DedupProposals(BaseTransform):
    """Remove proposals that coincide on the feature map, in training.

    Comes after the resize. At test nothing is removed unless asked for: ten views must hold the same proposals.

    Args:
        stride: Pixels of the network input per cell; 8 in OICR and PCL, 16 in CL-WSOD.
        order: ``'key'`` leaves the proposals in the reference's sorted order, ``'file'`` in theirs.
        at_test: Remove them at test, too. The public code of CL-WSOD scores one proposal of a group and gives box and
            score to all, of which NMS keeps one.
    """

    def __init__(self, stride: float = 8, order: str = 'key', at_test: bool = False) -> None:
        if stride <= 0 or order not in ('key', 'file'):
            raise ValueError(f"stride must be positive and order 'key' or 'file', got {stride} and {order!r}")
        self.stride = stride
        self.order = order
        self.at_test = at_test

    def transform(self, results: dict) -> dict:
        """Keep one row per group in ``proposals``, ``proposals_scores`` and ``proposals_original``.

        Args:
            results: After :class:`LoadWeakProposals` and the resize.

        Returns:
            The results.
        """
        if results.get('test_mode') and not self.at_test:
            return results
        boxes = results['proposals']
        array = boxes.tensor.numpy() if isinstance(boxes, BaseBoxes) else boxes
        rows = first_of_scaled_duplicates(array, self.stride, self.order)
        for key in ('proposals', 'proposals_scores', 'proposals_original'):
            if key in results:
                results[key] = results[key][rows]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(stride={self.stride}, order={self.order!r}, at_test={self.at_test})'
