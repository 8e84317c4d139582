"""Bootstrapped cross entropy: a classifier that is taught half by labels it should not believe, half by itself."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['bootstrap_bce', 'bootstrap_cross_entropy', 'weighted_mean']


def _check_beta(beta: float) -> None:
    if not 0 <= beta <= 1:
        raise ValueError(f'beta must be in [0, 1], got {beta}')


def _exact(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def bootstrap_cross_entropy(logits: Tensor, labels: Tensor, beta: float = 0.8, hard: bool = True) -> Tensor:
    """Cross entropy with the mixed target ``beta * onehot(label) + (1 - beta) * belief``, of every sample.

    With ``hard`` the belief is the one-hot vector of the largest logit (ties: the first), without it is the softmax
    itself, and the gradient flows through the target, too. ``beta=1`` is plain cross entropy.

    Source: public code of Collaborative Learning, "inner consistency" (hard, beta .8; soft with .95 as an option);
    the idea is from Reed et al., "Training deep neural networks on noisy labels with bootstrapping".

    Args:
        logits: ``[N, K]`` float.
        labels: ``[N]`` int64, 0..K-1.
        beta: Trust in the labels, in [0, 1].
        hard: Which belief.

    Returns:
        ``[N]`` float32 (float64 stays).

    Raises:
        ValueError: If the shapes disagree or ``beta`` is out of range.
    """
    _check_beta(beta)
    if logits.dim() != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f'bootstrapping needs logits [N, K] and labels [N], got {tuple(logits.shape)} and {tuple(labels.shape)}'
        )
    log_probs = _exact(logits).log_softmax(dim=1)
    told = -log_probs.gather(1, labels[:, None]).squeeze(1)
    if hard:
        believed = -log_probs.gather(1, logits.argmax(dim=1, keepdim=True)).squeeze(1)
    else:
        believed = -(log_probs.exp() * log_probs).sum(dim=1)
    return beta * told + (1 - beta) * believed


def bootstrap_bce(logits: Tensor, labels: Tensor, beta: float = 0.8, hard: bool = True) -> Tensor:
    """:func:`bootstrap_cross_entropy` of two classes from a single logit, exactly.

    With ``x = logit_1 - logit_0`` the softmax of two classes is the sigmoid of x, and the target of class 1 is
    ``beta * label + (1 - beta) * [x > 0]``.

    Args:
        logits: Any shape, float, the x.
        labels: The same shape, 0 or 1 (any dtype).
        beta: Trust in the labels, in [0, 1].
        hard: Whether the belief is ``[x > 0]`` or the sigmoid of x.

    Returns:
        The same shape, float32 (float64 stays).

    Raises:
        ValueError: If ``beta`` is out of range.
    """
    _check_beta(beta)
    logits = _exact(logits)
    belief = (logits > 0).to(logits.dtype) if hard else logits.sigmoid()
    target = beta * labels.to(logits.dtype) + (1 - beta) * belief
    # -t log s(x) - (1 - t) log s(-x); not torch's, which has no gradient through the target
    return -F.logsigmoid(-logits) - target * logits


def weighted_mean(losses: Tensor, weights: Tensor | None = None, number: Tensor | float | None = None) -> Tensor:
    """``sum_n weight_n loss_n / number``: NOT divided by the sum of the weights.

    Source: public code (Collaborative Learning), which divides by the number of samples.

    Args:
        losses: ``[N]`` float.
        weights: ``[N]`` float; ``None``: ones.
        number: Divisor, replaced by 1 if it is smaller; ``None``: N.

    Returns:
        Scalar; 0 (with a graph) without a sample.
    """
    total = losses.sum() if weights is None else (losses * weights).sum()
    if isinstance(number, Tensor):
        return total / number.clamp(min=1)
    return total / max(losses.numel() if number is None else number, 1)
