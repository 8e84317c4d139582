"""Loss of a module that predicts losses (Yoo & Kweon, "Learning Loss for Active Learning", CVPR 2019)."""

import torch
from torch import Tensor

__all__ = ['loss_prediction_loss']


def loss_prediction_loss(predicted: Tensor, target: Tensor, margin: float = 1.0) -> Tensor:
    """Pairwise ranking loss: within a pair of images the one with the larger loss is to have the larger prediction.

    Source: paper, equation 2. For a pair (i, j) with target losses ``l`` and predictions ``p``

        ``max(0, -s * (p_i - p_j) + margin)``,  ``s = 1 if l_i > l_j else -1``

    and then the mean over pairs. Images are paired as they come: (0, 1), (2, 3), ... The paper has even batches only;
    in an odd one the last image is paired with the first, which is thus in two pairs. An image alone in its batch
    has nothing to be compared with: the loss is 0 then, with a gradient of 0.

    Args:
        predicted: ``[B]`` float, predicted losses, B >= 1.
        target: ``[B]`` float, losses. No gradient goes through them.
        margin: By how much predictions are to differ. (Paper: 1.)

    Returns:
        Scalar float32.

    Raises:
        ValueError: If the shapes are not ``[B]``, or if the margin is not positive (all predictions equal would be
            the optimum).
    """
    if predicted.dim() != 1 or predicted.shape != target.shape or not len(predicted):
        raise ValueError(f'expected two tensors [B], got {tuple(predicted.shape)} and {tuple(target.shape)}')
    if not margin > 0:
        raise ValueError(f'margin must be positive, got {margin!r}')
    predicted, target = predicted.float(), target.detach().float()
    if len(predicted) == 1:
        return predicted.sum() * 0
    # column 0 holds images 0, 2, 4, ..., column 1 the next ones: at the end of an odd batch, the first
    pairs = [torch.stack((x[::2], x.roll(-1)[::2]), dim=1) for x in (predicted, target)]
    difference = pairs[0][:, 0] - pairs[0][:, 1]
    sign = torch.where(pairs[1][:, 0] > pairs[1][:, 1], 1.0, -1.0)
    return (margin - sign * difference).clamp(min=0).mean()
