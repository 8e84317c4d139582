"""Scores and image-level loss of ContextLocNet: raw class scores attended over proposals, and a hinge on them."""

from torch import Tensor

from wsod_mm.functional.mil import wsddn_scores

__all__ = ['contrastive_scores', 'mil_hinge_loss']


def contrastive_scores(cls_logits: Tensor, det_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Proposal scores and raw image scores of ONE image.

    Source: ContextLocNet paper, section 3.1, and its public code: what the loss sees is the class score *before* any
    softmax, averaged over the proposals with the weights ``softmax_r(det)``. The proposal scores, which mining and
    tests need, are WSDDN's product of two softmaxes (public code of MELM and CASD). Always in float32.

    Args:
        cls_logits: ``[R, C]`` float, class scores of the proposals.
        det_logits: ``[R, C]`` float, detection stream (for ContextLocNet a difference between rings); its softmax
            runs over the R proposals.

    Returns:
        Proposal scores ``[R, C]`` float32, ``softmax_c(cls) * softmax_r(det)``, and raw image scores ``[C]`` float32,
        ``sum_r cls * softmax_r(det)``, which are unbounded.

    Raises:
        ValueError: If the two streams have different shapes.
    """
    scores = wsddn_scores(cls_logits, det_logits)
    return scores, (cls_logits.float() * det_logits.float().softmax(dim=0)).sum(dim=0)


def mil_hinge_loss(
    image_scores: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    normaliser: float | None = None,
) -> Tensor:
    """Hinge between raw image scores s and image labels: ``(1 / normaliser) sum_c max(0, 1 - t_c s_c)``, t = 2 y - 1.

    Source: ContextLocNet paper, eq. (2). The public code of ContextLocNet divides by C, the default here; MELM and
    CASD always by 20, the number of classes of VOC.

    Args:
        image_scores: ``[C]`` or ``[N, C]`` float, unbounded, from :func:`contrastive_scores`.
        labels: The same shape, 1 where the class is in the image, else 0.
        weight: The same shape, 0 where the label is unknown ("don't care"); ``None``: every label counts. The
            normaliser stays the same, so that a don't-care class is a missing term.
        normaliser: The sum over the classes is divided by this; ``None``: by C.

    Returns:
        Scalar float32, the mean over the images.

    Raises:
        ValueError: If the shapes differ or ``normaliser`` is not positive.
    """
    shapes = [tuple(t.shape) for t in (image_scores, labels, weight) if t is not None]
    if len(set(shapes)) > 1:
        raise ValueError(f'image scores, labels and weight need one shape [C] or [N, C], got {shapes}')
    if normaliser is None:
        normaliser = image_scores.size(-1)
    if normaliser <= 0:
        raise ValueError(f'normaliser must be positive, got {normaliser}')
    signs = 2 * labels.float() - 1
    losses = (1 - signs * image_scores.float()).clamp(min=0)
    if weight is not None:
        losses = losses * weight.float()
    return (losses.sum(dim=-1) / normaliser).mean()
