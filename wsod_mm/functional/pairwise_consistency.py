"""The consistency of weak and strong predictions as the paper of Collaborative Learning writes it."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .boxes import bbox_overlaps_inclusive
from .caffe_box_coder import Stds, encode_boxes_caffe
from .smooth_l1 import smooth_l1

__all__ = ['PairwiseTerms', 'pairwise_consistency']


class PairwiseTerms(NamedTuple):
    """Sums over all pairs; nothing is divided.

    Attributes:
        cp_inter: Scalar, ``-sum I p_j log p_i``: the strong branch follows the weak one.
        cp_inner: Scalar, ``-sum I p_i log p_i``: the entropy of the strong branch.
        cl_inter: Scalar, ``sum I p_j R(t_j - t_i)``: boxes of the strong branch follow those of the weak one.
        indicator: ``[B_S, B_W]`` bool, the pairs.
    """

    cp_inter: Tensor
    cp_inner: Tensor
    cl_inter: Tensor
    indicator: Tensor

    def total(self, beta: float = 0.8) -> Tensor:
        """``beta * cp_inter + (1 - beta) * cp_inner + cl_inter``."""
        return beta * self.cp_inter + (1 - beta) * self.cp_inner + self.cl_inter


def pairwise_consistency(
    weak_probs: Tensor,
    weak_boxes: Tensor,
    strong_log_probs: Tensor,
    rois: Tensor,
    strong_deltas: Tensor,
    iou_thr: float = 0.5,
    stds: Stds = (1.0, 1.0, 1.0, 1.0),
    sigma: float = 1.0,
) -> PairwiseTerms:
    """Compare every weak box with every strong box that overlaps it.

    Source: paper (Wang et al., IJCAI 2018), which says nothing on normalisation and background. Ours: the classes are
    the C foreground classes; ``t_j`` is the encoding from the RoI to the weak box, the same for all classes. Weak boxes
    and probabilities are detached. Autocast is off in here.

    Args:
        weak_probs: ``[B_W, C]`` float, the scores of the weak branch.
        weak_boxes: ``[B_W, 4]`` float, inclusive corners.
        strong_log_probs: ``[B_S, C]`` float, the foreground columns of a log-softmax over C + 1 classes.
        rois: ``[B_S, 4]`` float, inclusive corners.
        strong_deltas: ``[B_S, C, 4]`` float, predictions of every class.
        iou_thr: Pairs are those with IoU > this.
        stds: Standard deviations that the deltas are divided by.
        sigma: See :func:`~wsod_mm.functional.smooth_l1.smooth_l1`.

    Returns:
        PairwiseTerms, float32 or, with float64 inputs, float64; the memory is that of the pairs of one class.

    Raises:
        ValueError: If the shapes disagree.
    """
    (num_strong, classes), num_weak = strong_log_probs.shape, len(weak_boxes)
    expected = ((num_weak, classes), (num_weak, 4), (num_strong, 4), (num_strong, classes, 4))
    found = tuple(tuple(t.shape) for t in (weak_probs, weak_boxes, rois, strong_deltas))
    if found != expected:
        raise ValueError(
            'pairs need weak_probs [B_W, C], weak_boxes [B_W, 4], rois [B_S, 4] and strong_deltas [B_S, C, 4] for '
            f'strong_log_probs {(num_strong, classes)}, got {found}'
        )
    exact = torch.promote_types(strong_log_probs.dtype, torch.float32)
    # a matrix product, which autocast would do in half precision
    with torch.autocast(rois.device.type, enabled=False):
        log_probs, deltas = strong_log_probs.to(exact), strong_deltas.to(exact)
        with torch.no_grad():
            probs, rois = weak_probs.detach().to(exact), rois.float()
            indicator = bbox_overlaps_inclusive(rois, weak_boxes.float()) > iou_thr
            pairs = indicator.to(exact)
            seen = pairs @ probs  # [B_S, C]
            whole = (num_strong, num_weak, 4)
            targets = encode_boxes_caffe(
                rois[:, None].expand(whole).reshape(-1, 4).to(exact),
                weak_boxes[None].expand(whole).reshape(-1, 4).to(exact),
                stds,
            ).view(whole)
            counts = pairs.sum(dim=1)

        def boxes_of(column: Tensor, weights: Tensor) -> Tensor:
            return (smooth_l1(targets - column[:, None], sigma).sum(dim=-1) * pairs * weights).sum()

        cl_inter = deltas.new_zeros(()) + 0 * deltas.sum()
        for c in range(classes):  # one class at a time: [B_S, B_W, 4] floats, and again in the backward pass
            arguments = (deltas[:, c], probs[:, c])
            if deltas.requires_grad and torch.is_grad_enabled():
                cl_inter = cl_inter + checkpoint(boxes_of, *arguments, use_reentrant=False, preserve_rng_state=False)
            else:
                cl_inter = cl_inter + boxes_of(*arguments)
        return PairwiseTerms(
            cp_inter=-(seen * log_probs).sum(),
            cp_inner=-(counts[:, None] * log_probs.exp() * log_probs).sum(),
            cl_inter=cl_inter,
            indicator=indicator,
        )
