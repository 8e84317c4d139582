"""Detection metrics of the VOC devkit, in numpy: matching, precision and recall, AP (three forms), CorLoc.

Boxes are (x1, y1, x2, y2) in pixels with INCLUSIVE corners (width = x2 - x1 + 1); whether the first pixel is 0 or 1 is
all the same to every function, as long as detections and ground truth agree. Everything is computed in float64 and
without a Python loop over boxes or images, so that VOC07 test (4952 images, 100 boxes each) takes a second or two.
"""

from typing import NamedTuple

import numpy as np

__all__ = [
    'FALSE_POSITIVE',
    'IGNORED',
    'TRUE_POSITIVE',
    'BoxTable',
    'average_precision_11pt',
    'average_precision_area',
    'correct_localisation',
    'image_average_precision',
    'image_level_average_precision',
    'match_detections',
    'paired_iou',
    'precision_recall',
    'round_like_devkit',
    'voc_average_precision',
]

TRUE_POSITIVE, FALSE_POSITIVE, IGNORED = 1, 0, -1


class BoxTable(NamedTuple):
    """Boxes of a whole data set, one row each: detections or ground truth.

    Attributes:
        image: ``[N]`` int, index of the image, from 0.
        label: ``[N]`` int, class 0..C-1.
        boxes: ``[N, 4]`` float, (x1, y1, x2, y2), pixels, inclusive corners.
        scores: ``[N]`` float; of detections only.
        difficult: ``[N]`` bool; of ground truth only, ``None`` means that none is difficult.
    """

    image: np.ndarray
    label: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray | None = None
    difficult: np.ndarray | None = None

    def is_difficult(self) -> np.ndarray:
        """Give ``difficult`` as a bool array ``[N]`` also where the table has none."""
        if self.difficult is None:
            return np.zeros(len(self.label), bool)
        return np.asarray(self.difficult, bool)


def paired_iou(boxes_a: np.ndarray, boxes_b: np.ndarray) -> np.ndarray:
    """IoU of row i with row i, with the ``+1`` widths of the VOC devkit.

    Args:
        boxes_a: ``[N, 4]``, inclusive corners, pixels.
        boxes_b: ``[N, 4]``, the same.

    Returns:
        ``[N]`` float64, in [0, 1].
    """
    a, b = np.asarray(boxes_a, np.float64), np.asarray(boxes_b, np.float64)
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + 1
    intersection = np.clip(sides, 0, None).prod(1)
    areas = (a[:, 2:] - a[:, :2] + 1).prod(1) + (b[:, 2:] - b[:, :2] + 1).prod(1)
    return intersection / (areas - intersection)


def _best_overlap(
    det_group: np.ndarray, det_boxes: np.ndarray, gt_group: np.ndarray, gt_boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the ground truth of the same group that overlaps every detection most.

    Returns:
        ``iou`` ``[N]`` float64 (-1 where the group has no ground truth) and ``index`` ``[N]`` into the ground truth
        (-1 likewise; the first of equal overlaps).
    """
    best_iou = np.full(len(det_group), -1.0)
    best_index = np.full(len(det_group), -1, np.int64)
    gt_order = np.argsort(gt_group, kind='stable')
    sorted_group = np.asarray(gt_group)[gt_order]
    start = np.searchsorted(sorted_group, det_group, 'left')
    count = np.searchsorted(sorted_group, det_group, 'right') - start
    rows = np.flatnonzero(count)
    if not len(rows):
        return best_iou, best_index
    # one pair per (detection, ground truth of its group), the pairs of a detection side by side
    first_pair = np.cumsum(count[rows]) - count[rows]
    pair_det = np.repeat(rows, count[rows])
    within = np.arange(len(pair_det)) - np.repeat(first_pair, count[rows])
    pair_gt = gt_order[start[pair_det] + within]
    iou = paired_iou(np.asarray(det_boxes)[pair_det], np.asarray(gt_boxes)[pair_gt])
    peak = np.maximum.reduceat(iou, first_pair)
    at_peak = np.where(iou == np.repeat(peak, count[rows]), np.arange(len(iou)), len(iou))
    best_iou[rows] = peak
    best_index[rows] = pair_gt[np.minimum.reduceat(at_peak, first_pair)]
    return best_iou, best_index


def _overlaps(iou: np.ndarray, iou_thr: float, strict: bool) -> np.ndarray:
    return iou > iou_thr if strict else iou >= iou_thr


def match_detections(
    det_group: np.ndarray,
    det_boxes: np.ndarray,
    det_scores: np.ndarray,
    gt_group: np.ndarray,
    gt_boxes: np.ndarray,
    gt_difficult: np.ndarray,
    iou_thr: float = 0.5,
    strict: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Say of every detection whether it is a true positive, a false positive or ignored (VOC devkit).

    A detection looks only at the ground truth that it overlaps most. When that one is difficult the detection is
    ignored; otherwise it is a true positive if no detection of higher score took the same object.

    Args:
        det_group: ``[N]`` int, what may match what: detections meet ground truth of equal number only. Use
            ``label * num_images + image`` to do all classes in one call.
        det_boxes: ``[N, 4]``, pixels, inclusive corners.
        det_scores: ``[N]``, higher is surer. Equal scores keep the order of the rows, so results are reproducible.
        gt_group: ``[M]`` int.
        gt_boxes: ``[M, 4]``, the same coordinates.
        gt_difficult: ``[M]`` bool.
        iou_thr: Overlap threshold (.5 in VOC).
        strict: Whether the IoU must exceed the threshold (devkit) or may equal it (MMDetection's ``eval_map``).

    Returns:
        ``order`` ``[N]``: indices by descending score; ``outcome`` ``[N]`` int8 in the order of the rows:
        ``TRUE_POSITIVE`` 1, ``FALSE_POSITIVE`` 0, ``IGNORED`` -1.

    Raises:
        ValueError: If a score is not a number.
    """
    det_scores = np.asarray(det_scores, np.float64)
    if np.isnan(det_scores).any():
        raise ValueError(
            f'{int(np.isnan(det_scores).sum())} detection scores are NaN: they cannot be ranked; '
            'look for a diverged model'
        )
    order = np.argsort(-det_scores, kind='stable')
    iou, index = _best_overlap(np.asarray(det_group), det_boxes, np.asarray(gt_group), gt_boxes)
    outcome = np.full(len(order), FALSE_POSITIVE, np.int8)
    hit = np.flatnonzero(_overlaps(iou, iou_thr, strict) & (index >= 0))
    difficult = np.asarray(gt_difficult, bool)[index[hit]]
    outcome[hit[difficult]] = IGNORED
    # among the rest, the surest detection of each object gets it
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    hit = hit[~difficult]
    hit = hit[np.argsort(rank[hit])]
    outcome[hit[np.unique(index[hit], return_index=True)[1]]] = TRUE_POSITIVE
    return order, outcome


def precision_recall(outcome: np.ndarray, num_positive: int) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative recall and precision of one class.

    Args:
        outcome: ``[N]`` outcomes of :func:`match_detections`, by descending score.
        num_positive: Number of objects that are not difficult. With 0, recall is NaN.

    Returns:
        ``recall`` ``[N]`` and ``precision`` ``[N]``, float64; ignored detections repeat the value before them.
    """
    true = np.cumsum(outcome == TRUE_POSITIVE, dtype=np.float64)
    false = np.cumsum(outcome == FALSE_POSITIVE, dtype=np.float64)
    recall = true / num_positive if num_positive else np.full(len(true), np.nan)
    return recall, true / np.maximum(true + false, np.finfo(np.float64).eps)


def average_precision_11pt(recall: np.ndarray, precision: np.ndarray) -> float:
    """VOC 2007 AP: mean over recall 0, .1, ..., 1 of the best precision at that recall or beyond.

    The levels are ``np.arange(0, 1.1, .1)`` as in the devkit's Python versions: the fourth is .30000000000000004,
    which a recall of 3/10 does not reach. All-NaN recall (a class without objects) gives 0, as the reference does.

    Args:
        recall: ``[N]``, cumulative.
        precision: ``[N]``.

    Returns:
        AP in [0, 1]; 0 without detections.
    """
    if not len(recall):
        return 0.0
    reached = np.asarray(recall)[None] >= np.arange(0.0, 1.1, 0.1)[:, None]
    return float(np.where(reached, np.asarray(precision)[None], 0.0).max(1).sum() / 11)


def average_precision_area(recall: np.ndarray, precision: np.ndarray) -> float:
    """VOC 2010+ AP: area under the decreasing envelope of the precision-recall curve.

    Args:
        recall: ``[N]``, cumulative. NaN (a class without objects) gives NaN.
        precision: ``[N]``.

    Returns:
        AP in [0, 1]; 0 without detections.
    """
    if not len(recall):
        return 0.0
    envelope = np.maximum.accumulate(np.asarray(precision, np.float64)[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def voc_average_precision(
    detections: BoxTable,
    truth: BoxTable,
    num_classes: int,
    iou_thr: float = 0.5,
    strict: bool = True,
    use_difficult: bool = False,
) -> dict[str, np.ndarray]:
    """AP of every class in both VOC modes, in one pass over the data.

    Args:
        detections: All detections, with scores.
        truth: All objects.
        num_classes: C.
        iou_thr: Overlap threshold.
        strict: See :func:`match_detections`.
        use_difficult: Whether difficult objects count like all others (the devkit ignores them).

    Returns:
        Arrays ``[C]``: ``ap_11pt`` and ``ap_area`` in [0, 1] (NaN for a class without objects that count, which a mean
        has to skip), ``num_positive``, ``num_detections`` and ``recall`` (the highest recall reached).
    """
    groups = int(max(detections.image.max(initial=-1), truth.image.max(initial=-1))) + 1
    difficult = truth.is_difficult()
    if use_difficult:
        difficult = np.zeros_like(difficult)
    order, outcome = match_detections(
        detections.label * groups + detections.image,
        detections.boxes,
        detections.scores,
        truth.label * groups + truth.image,
        truth.boxes,
        difficult,
        iou_thr,
        strict,
    )
    ranked_label, ranked_outcome = np.asarray(detections.label)[order], outcome[order]
    result = {key: np.full(num_classes, np.nan) for key in ('ap_11pt', 'ap_area', 'recall')}
    result['num_positive'] = np.bincount(np.asarray(truth.label)[~difficult], minlength=num_classes)
    result['num_detections'] = np.bincount(detections.label, minlength=num_classes)
    for label in np.flatnonzero(result['num_positive']):
        recall, precision = precision_recall(ranked_outcome[ranked_label == label], result['num_positive'][label])
        result['ap_11pt'][label] = average_precision_11pt(recall, precision)
        result['ap_area'][label] = average_precision_area(recall, precision)
        result['recall'][label] = recall[-1] if len(recall) else 0.0
    return result


def correct_localisation(
    top: BoxTable, truth: BoxTable, num_classes: int, iou_thr: float = 0.5, strict: bool = True
) -> dict[str, np.ndarray]:
    """CorLoc: of the images that contain a class, the share whose best box of that class lies on an object of it.

    Difficult objects count both as objects to hit and for "contains" (specs/casd.md section 2).

    Args:
        top: At most one box per image and class: the best-scoring one, before NMS and thresholds.
        truth: All objects.
        num_classes: C.
        iou_thr: Overlap threshold.
        strict: Whether the IoU must exceed the threshold.

    Returns:
        Arrays ``[C]``: ``corloc`` in [0, 1] (NaN for a class that no image contains), ``hits``, ``num_images``.

    Raises:
        ValueError: If an image has two boxes of a class.
    """
    groups = int(max(top.image.max(initial=-1), truth.image.max(initial=-1))) + 1
    top_group = np.asarray(top.label) * groups + top.image
    truth_group = np.asarray(truth.label) * groups + truth.image
    if len(np.unique(top_group)) != len(top_group):
        raise ValueError(
            'CorLoc takes one box per image and class, but some image has several of one class; '
            'keep the best-scoring one'
        )
    iou, _ = _best_overlap(top_group, top.boxes, truth_group, truth.boxes)
    hits = np.bincount(np.asarray(top.label)[_overlaps(iou, iou_thr, strict)], minlength=num_classes)
    present = np.unique(truth_group)
    num_images = np.bincount(present // groups if groups else present, minlength=num_classes)
    with np.errstate(invalid='ignore', divide='ignore'):
        corloc = np.where(num_images > 0, hits / num_images, np.nan)
    return {'corloc': corloc, 'hits': hits, 'num_images': num_images}


def image_average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Average precision of one class over images: mean of the precision at every positive image.

    Args:
        scores: ``[N]``, one per image; equal scores keep the order of the images.
        targets: ``[N]`` bool.

    Returns:
        AP in [0, 1], NaN without a positive image.
    """
    ranked = np.asarray(targets, bool)[np.argsort(-np.asarray(scores, np.float64), kind='stable')]
    if not ranked.any():
        return float('nan')
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def image_level_average_precision(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Average precision of multi-label classification, one value per class.

    Args:
        scores: ``[N, C]``.
        targets: ``[N, C]``, positive where > 0.

    Returns:
        ``[C]`` float64 in [0, 1], NaN for classes without a positive image.

    Raises:
        ValueError: If the shapes differ or a score is NaN.
    """
    scores, targets = np.asarray(scores), np.asarray(targets)
    if scores.shape != targets.shape:
        raise ValueError(f'scores {scores.shape} and targets {targets.shape} differ in shape')
    if np.isnan(scores).any():
        raise ValueError('image scores contain NaN: they cannot be ranked; look for a diverged model')
    return np.array([image_average_precision(scores[:, c], targets[:, c] > 0) for c in range(scores.shape[1])])


def round_like_devkit(boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round as the reference codes do when they write detections to text: score ``%.3f``, 1-based box ``%.1f``.

    The rounding makes ties among the small scores of weak detectors, and so moves AP by a few tenths of a point.

    Args:
        boxes: ``[N, 4]``, 0-based pixels.
        scores: ``[N]``.

    Returns:
        Boxes (again 0-based) and scores, float64.
    """
    text = np.char.mod('%.1f', np.asarray(boxes) + 1) if len(boxes) else np.zeros((0, 4))
    score_text = np.char.mod('%.3f', np.asarray(scores)) if len(scores) else np.zeros(0)
    return text.astype(np.float64) - 1, score_text.astype(np.float64)
