"""How many objects the proposals could find at best: the ceiling of every detector that uses
them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from ..utils.io import write_json
from .baselines import image_rng, random_proposals
from .errors import ProposalFileError
from .image_source import ImageSource
from .store import ProposalStore

__all__ = ['RECALL_IOUS', 'RECALL_KS', 'proposal_recall', 'random_store', 'write_recall']

RECALL_KS = (1, 3, 10, 30, 100, 300, 1000, 3000)
RECALL_IOUS = (0.5, 0.6, 0.7, 0.8, 0.9)


def best_overlaps(boxes: np.ndarray, objects: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    """Best IoU that each object reaches with the first k boxes.

    Args:
        boxes: float32 [R,4], in the order that k counts in.
        objects: float32 [G,4].
        ks: Numbers of boxes, ascending.

    Returns:
        float32 [G, len(ks)]; 0 where there are no boxes.
    """
    if not len(boxes) or not len(objects):
        return np.zeros((len(objects), len(ks)), np.float32)
    import torch  # the one place of the package that needs it

    from ..functional.boxes import bbox_overlaps_inclusive

    overlaps = bbox_overlaps_inclusive(torch.from_numpy(objects), torch.from_numpy(boxes))
    running = overlaps.cummax(dim=1).values
    return running[:, [min(k, len(boxes)) - 1 for k in ks]].numpy()


def proposal_recall(
    store: ProposalStore,
    source: ImageSource,
    ks: Sequence[int] = RECALL_KS,
    ious: Sequence[float] = RECALL_IOUS,
    difficult: bool = False,
    order: str = 'file',
    classes: Sequence[str] | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Recall of the proposals over the annotated objects.

    An object is recalled at threshold t by the first k boxes when one of them has IoU >= t with it
    (inclusive corners: widths are x2-x1+1).

    Args:
        store: The proposals.
        source: Images with annotations (VOC devkit or dataset config).
        ks: Numbers of boxes per image at which to measure; "all" is always added.
        ious: IoU thresholds.
        difficult: Count objects marked difficult (or ignored) too.
        order: ``'file'``: k counts in file order; ``'score'``: by descending score.
        classes: Count only these classes.
        progress: Show a progress bar.

    Returns:
        Plain data: ``ks``, ``ious``, ``recall`` [len(ious)][len(ks)], ``recall_all`` [len(ious)],
        ``mean_best_overlap`` [len(ks)] and ``mean_best_overlap_all``, ``boxes_per_image``,
        ``images``, ``objects`` and ``per_class`` ``{name: {'objects', 'recall', 'recall_all',
        'mean_best_overlap_all'}}``. Recalls are fractions.

    Raises:
        ProposalFileError: If images have no proposals, or there is no object to count.
        ValueError: If ``order`` is unknown.
    """
    if order not in ('file', 'score'):
        raise ValueError(f"order must be 'file' or 'score', got {order!r}")
    missing = store.missing(source.ids)
    if missing:
        raise ProposalFileError(
            f'{store.source} has no proposals for {len(missing)} of {len(source)} images: {", ".join(missing[:10])}'
        )
    ks = sorted(set(ks))
    all_ks = [*ks, np.iinfo(np.int64).max]
    names: list[str] = []
    best: list[np.ndarray] = []
    counts = []
    for index in tqdm(range(len(source)), desc='recall', unit='img', disable=not progress):
        truth = source.ground_truth(index)
        boxes, scores = store.get(source[index].image_id, copy=True)
        counts.append(len(boxes))
        use = np.ones(len(truth.boxes), bool) if difficult else ~truth.difficult
        if classes is not None:
            use &= np.isin(np.array(truth.names, dtype=np.str_), list(classes))
        if order == 'score':
            boxes = boxes[np.argsort(-scores, kind='stable')]
        best.append(best_overlaps(boxes, truth.boxes[use], all_ks))
        names += [name for name, used in zip(truth.names, use, strict=True) if used]
    overlaps = np.concatenate(best)
    if not len(overlaps):
        raise ProposalFileError(f'{source.name}: no object to count; is this the annotated split?')

    def summary(rows: np.ndarray) -> dict[str, Any]:
        recall = np.stack([(rows >= t - 1e-6).mean(axis=0) for t in ious])
        return {
            'objects': len(rows),
            'recall': recall[:, :-1].tolist(),
            'recall_all': recall[:, -1].tolist(),
            'mean_best_overlap': rows.mean(axis=0)[:-1].tolist(),
            'mean_best_overlap_all': float(rows[:, -1].mean()),
        }

    labels = np.array(names)
    return {
        'ks': ks,
        'ious': list(ious),
        **summary(overlaps),
        'images': len(source),
        'boxes_per_image': float(np.mean(counts)),
        'order': order,
        'difficult': difficult,
        'per_class': {name: summary(overlaps[labels == name]) for name in sorted(set(names))},
    }


def random_store(
    source: ImageSource, count: Callable[[str], int] | int, seed: int = 0, min_side: int = 16
) -> ProposalStore:
    """Random boxes for every image: the chance level beside a method's recall.

    Args:
        source: The images (only their sizes are read).
        count: Boxes per image, a number or a function of the image id.
        seed: Seed; the boxes of an image depend on it and on the image's id.
        min_side: Smallest side in pixels.
    """
    proposals = {}
    for entry in source:
        n = count(entry.image_id) if callable(count) else count
        proposals[entry.image_id] = (
            random_proposals(*entry.size, n, image_rng(entry.image_id, seed), min_side),
            None,
        )
    return ProposalStore.from_dict(proposals, {'generator': {'method': 'random', 'seed': seed}})


def write_recall(curves: dict[str, dict[str, Any]], path: Any) -> None:
    """Write recall data of one or several proposal sets, ``{label: proposal_recall(...)}``, as
    JSON."""
    write_json(curves, path)
