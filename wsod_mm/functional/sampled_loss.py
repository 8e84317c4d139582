"""Cross entropy of sampled proposals (CASD's refinement loss)."""

import torch
from torch import Tensor

__all__ = ['sampled_ce_loss']


def sampled_ce_loss(logits: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    """Unweighted cross entropy: ``sum_v mean_{valid slots of v} -ln softmax(logits)_label``.

    Source: public code (CASD), which multiplies one-hot labels with the logarithm of probabilities and returns NaN
    when one of them underflows; the log-softmax here does not.

    Args:
        logits: ``[V, K, C + 1]`` float, background in column 0.
        labels: ``[V, K]`` int64, 0 = background.
        valid: ``[V, K]`` bool; slots with False have no loss and no gradient, whatever they hold.

    Returns:
        Scalar float32, summed (not averaged) over the views. A view without a valid slot adds 0.

    Raises:
        ValueError: If the shapes disagree.
    """
    if logits.dim() != 3 or labels.shape != logits.shape[:2] or valid.shape != logits.shape[:2]:
        raise ValueError(
            'the sampled loss needs logits [V, K, C + 1], labels [V, K] and valid [V, K], got '
            f'{tuple(logits.shape)}, {tuple(labels.shape)} and {tuple(valid.shape)}'
        )
    # zeros before the softmax: a padding slot that is not finite would otherwise give NaN gradients
    logits = torch.where(valid[..., None], logits.float(), 0.0)
    losses = -logits.log_softmax(dim=2).gather(2, labels[..., None]).squeeze(2)
    return ((losses * valid).sum(dim=1) / valid.sum(dim=1).clamp(min=1)).sum()
