"""Last layers of the strong branch of Collaborative Learning."""

from typing import Any

from wsod_mm.registry import MODELS

from .fast_rcnn_branch import FastRCNNBranch

__all__ = ['StrongBBoxHead']


@MODELS.register_module()
class StrongBBoxHead(FastRCNNBranch):
    """:class:`FastRCNNBranch` in MMDetection's layout: background is the last column and has no deltas.

    Source: public code (Collaborative Learning), whose background comes first and has four deltas of its own.

    Args:
        in_channels: Width of the RoI features.
        num_classes: Number C of classes, without background.
        **kwargs: See :class:`FastRCNNBranch`.
    """

    def __init__(self, in_channels: int, num_classes: int, **kwargs: Any) -> None:
        super().__init__(in_channels, num_classes, bbox_background=False, **kwargs)
