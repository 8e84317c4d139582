"""Instance scores and image scores of MI-AOD's multiple-instance head, for the levels of a dense detector."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ['flatten_level', 'unflatten_level', 'mil_scores', 'bag_scores', 'check_levels']

MIL_WEIGHTS = ('max', 'per_class')
ONE_CLASS = ('sigmoid', 'softmax', 'raise')


def flatten_level(logits: Tensor, num_classes: int) -> Tensor:
    """Bring the output of a head into rows, one per anchor.

    Args:
        logits: ``[B, N * C, H, W]`` float, channel ``n * C + c`` for anchor n of the cell and class c. (C = 4 for the
            output of a box regressor.)
        num_classes: C.

    Returns:
        ``[B, H * W * N, C]``, row ``(h * W + w) * N + n``, the order of mmdet's anchors.

    Raises:
        ValueError: If the shape has other dimensions, or a number of channels that C does not divide.
    """
    if logits.dim() != 4 or num_classes < 1 or logits.shape[1] % num_classes:
        raise ValueError(f'expected [B, N * {num_classes}, H, W], got {tuple(logits.shape)}')
    return logits.permute(0, 2, 3, 1).reshape(len(logits), -1, num_classes)


def unflatten_level(rows: Tensor, height: int, width: int) -> Tensor:
    """Undo :func:`flatten_level`.

    Args:
        rows: ``[B, H * W * N, C]``.
        height: H.
        width: W.

    Returns:
        ``[B, N * C, H, W]``.

    Raises:
        ValueError: If the shape has other dimensions, or a number of rows that H * W does not divide.
    """
    if rows.dim() != 3 or height < 1 or width < 1 or rows.shape[1] % (height * width):
        raise ValueError(f'expected [B, {height} * {width} * N, C], got {tuple(rows.shape)}')
    return rows.reshape(len(rows), height, width, -1).permute(0, 3, 1, 2)


def check_levels(**levels: Sequence[Tensor]) -> None:
    """Fail unless all lists hold the same number (at least one) of ``[B, A_l, C]`` tensors of the same shapes.

    Also used by the losses and the uncertainty.

    Raises:
        ValueError: With the names and the shapes.
    """
    shapes = {name: [tuple(level.shape) for level in values] for name, values in levels.items()}
    first = next(iter(shapes.values()))
    fits = len(first) > 0 and all(len(s) == 3 and s[0] == first[0][0] and s[2] == first[0][2] for s in first)
    if not fits or any(other != first for other in shapes.values()):
        raise ValueError(f'expected one list of [B, A_l, C] tensors per output, with the same shapes, got {shapes}')


def mil_scores(
    f1: Sequence[Tensor],
    f2: Sequence[Tensor],
    fmil: Sequence[Tensor],
    mil_weight: str = 'max',
    one_class: str = 'sigmoid',
) -> list[Tensor]:
    """Score every anchor of every level for every class: softmax over classes of f_mil times a weight of the anchor.

    Source: public code; the paper's weight is the option ``'per_class'``. For anchor i of one level

        ``y[i, c] = softmax_c(fmil[i, :])[c] * softmax_i(m)[i]``,  ``m[i] = max_c sigmoid((f1[i, c] + f2[i, c]) / 2)``

    The second softmax runs over all anchors of the level, those in the padding of the batch too, so that
    ``y`` sums to 1 over the anchors and classes of a level. No gradient goes through the weight of the anchor,
    hence f1 and f2 receive none. Computed in float32.

    With one class the first softmax is always 1: the image score is 1 whatever the input, and f_mil never learns.
    The default replaces it by ``sigmoid(fmil)``, an extension of ours, with which ``y`` sums to less than 1 and the
    image score is a mean probability.

    Args:
        f1: Per level ``[B, A_l, C]`` float, logits of the first instance classifier.
        f2: The same, logits of the second.
        fmil: The same, logits of the MIL classifier.
        mil_weight: ``'max'``: as above. ``'per_class'``: ``softmax_i((f1[i, c] + f2[i, c]) / 2)``, a weight of the
            anchor for each class; the paper has it over all anchors of the image, so give it one level with all.
        one_class: What to do if C = 1: ``'sigmoid'`` as above, ``'softmax'`` as the public code does, ``'raise'``.

    Returns:
        Per level ``[B, A_l, C]`` float32.

    Raises:
        ValueError: If shapes disagree, an option is unknown, or C = 1 and ``one_class='raise'``.
    """
    check_levels(f1=f1, f2=f2, fmil=fmil)
    if mil_weight not in MIL_WEIGHTS or one_class not in ONE_CLASS:
        raise ValueError(
            f'mil_weight must be one of {MIL_WEIGHTS} and one_class one of {ONE_CLASS}, '
            f'got {mil_weight!r} and {one_class!r}'
        )
    single = f1[0].shape[2] == 1
    if single and one_class == 'raise':
        raise ValueError('a softmax over one class is always 1, so the MIL head cannot learn; use two classes or more')
    scores = []
    for z1, z2, zm in zip(f1, f2, fmil, strict=True):
        classes = zm.float().sigmoid() if single and one_class == 'sigmoid' else zm.float().softmax(dim=2)
        mean = (z1.detach().float() + z2.detach().float()) / 2
        weight = mean if mil_weight == 'per_class' else mean.sigmoid().amax(dim=2, keepdim=True)
        scores.append(classes * weight.softmax(dim=1))
    return scores


def bag_scores(scores: Sequence[Tensor], eps: float = 1e-5) -> Tensor:
    """Image scores: the largest over the levels of the sum over anchors, clamped.

    Source: public code (the paper has one bag per image). The clamp removes the gradient of saturated classes.

    Args:
        scores: Per level ``[B, A_l, C]`` float, from :func:`mil_scores`.
        eps: Clamped to [eps, 1 - eps].

    Returns:
        ``[B, C]`` float32.

    Raises:
        ValueError: If the shapes disagree.
    """
    check_levels(scores=scores)
    best = scores[0].new_zeros(scores[0].shape[0], scores[0].shape[2], dtype=torch.float32)
    # one after the other and not amax over all: this decides how levels that tie share the gradient
    for level in scores:
        best = torch.maximum(best, level.float().sum(dim=1))
    return best.clamp(eps, 1 - eps)
