"""An image of a detector, ready to be explained."""

from typing import NamedTuple

from mmdet.structures import DetDataSample
from torch import Tensor

__all__ = ['DetSample']


class DetSample(NamedTuple):
    """An image of a detector, fixed before it is explained.

    Attributes:
        data_sample: Meta information, and proposals where the detector needs them.
        boxes: ``[R, 4]`` regions that are classified, pixels of the network input; ``None``: the detector finds its
            own, or has none.
    """

    data_sample: DetDataSample
    boxes: Tensor | None = None
