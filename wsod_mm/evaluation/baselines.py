"""Chance level: what detectors score that never look at the picture."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wsod_mm.functional.detection_metrics import BoxTable
from wsod_mm.models.roi_heads.postprocess import detections_from_scores
from wsod_mm.proposals.baselines import centre_box
from wsod_mm.proposals.ground_truth import GroundTruth
from wsod_mm.proposals.image_source import ImageSource
from wsod_mm.proposals.store import ProposalStore

from .detection_file import stack_tables
from .weak_voc_metric import evaluate_tables

__all__ = ['AnnotatedImages', 'best_centre_fraction', 'centre_box_baseline', 'random_proposal_baseline']

_REPORTED = ('mAP_11pt', 'mAP_area', 'CorLoc')


@dataclass(frozen=True)
class AnnotatedImages:
    """The images of a split with their objects, for evaluation only.

    Attributes:
        classes: C names.
        ids: Image ids, N.
        sizes: ``[N, 2]`` int, (width, height) in pixels.
        truth: All objects, with ``difficult``.
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    sizes: np.ndarray
    truth: BoxTable

    @classmethod
    def build(
        cls, items: Iterable[tuple[str, tuple[int, int], GroundTruth]], classes: Sequence[str]
    ) -> 'AnnotatedImages':
        """Collect images one by one; objects of other classes are left out.

        Args:
            items: Per image its id, its (width, height) and its objects.
            classes: C names, in label order.

        Raises:
            ValueError: If there is no image.
        """
        number = {name: label for label, name in enumerate(classes)}
        ids, sizes, tables = [], [], []
        for image_id, size, objects in items:
            keep = np.array([name in number for name in objects.names], bool)
            ids.append(image_id)
            sizes.append(size)
            tables.append(
                {
                    'label': np.array([number[name] for name in objects.names if name in number], np.int64),
                    'boxes': objects.boxes[keep],
                    'difficult': objects.difficult[keep],
                }
            )
        if not ids:
            raise ValueError('no images to evaluate baselines on')
        return cls(tuple(classes), tuple(ids), np.array(sizes), stack_tables(tables, 'difficult'))

    @classmethod
    def from_source(cls, source: ImageSource, classes: Sequence[str]) -> 'AnnotatedImages':
        """The images of a devkit's split or of a dataset config.

        Args:
            source: ``ImageSource.from_voc(...)`` or ``ImageSource.from_config(...)``.
            classes: C names.
        """
        return cls.build(
            ((entry.image_id, entry.size, source.ground_truth(row)) for row, entry in enumerate(source)), classes
        )

    def class_frequency(self) -> np.ndarray:
        """Share of the images that contain each class, ``[C]``: what image labels alone tell."""
        present = np.zeros((len(self.ids), len(self.classes)), bool)
        present[self.truth.image, self.truth.label] = True
        return present.mean(0)


def random_proposal_baseline(
    images: AnnotatedImages,
    proposals: ProposalStore,
    prior: np.ndarray,
    seeds: Sequence[int] = range(5),
    test_cfg: dict | None = None,
) -> dict[str, Any]:
    """Score proposals by dice.

    Every proposal of every image draws for every class an independent uniform number, multiplied by ``prior`` of the
    class; then the detectors' own post-processing (NMS .3, best 100 per image). CorLoc looks at the highest draw, so
    at a random proposal. The prior only decides which classes fill the 100 boxes.

    Args:
        images: The split.
        proposals: Must hold all its images.
        prior: ``[C]``, how frequent each class is among the training images, or ``[N, C]``, one row per image (for
            instance a classifier's scores: what random boxes reach with the right labels).
        seeds: One evaluation per seed.
        test_cfg: See ``detections_from_scores``.

    Returns:
        See :func:`_summarise`.

    Raises:
        KeyError: If an image has no proposals.
    """
    prior = np.broadcast_to(prior, (len(images.ids), len(images.classes)))
    boxes = [proposals.get(image_id)[0] for image_id in images.ids]

    def draw(rng: np.random.Generator, row: int) -> tuple[dict, dict]:
        scores = rng.random((len(boxes[row]), len(images.classes))) * prior[row] + 1e-4
        found = detections_from_scores(
            torch.from_numpy(boxes[row]), torch.from_numpy(scores.astype(np.float32)), test_cfg
        )
        detections = {'label': found.labels.numpy(), 'boxes': found.bboxes.numpy(), 'scores': found.scores.numpy()}
        if not len(boxes[row]):
            return detections, detections
        best = scores.argmax(0)
        labels = np.arange(len(images.classes))
        return detections, {'label': labels, 'boxes': boxes[row][best], 'scores': scores[best, labels]}

    return _evaluate(images, draw, seeds)


def centre_box_baseline(
    images: AnnotatedImages, prior: np.ndarray, fraction: float = 0.5, seeds: Sequence[int] = range(5)
) -> dict[str, Any]:
    """Call the middle of every image an object of every class.

    Args:
        images: The split.
        prior: ``[C]`` or ``[N, C]``, the score of each class. Equal scores are ranked by dice.
        fraction: Share of the image's area that the box covers, in (0, 1]; same aspect ratio as the image.
        seeds: One evaluation per seed; they differ in the order of equal scores alone.

    Returns:
        See :func:`_summarise`, with ``fraction`` besides.
    """
    prior = np.broadcast_to(prior, (len(images.ids), len(images.classes)))
    labels = np.arange(len(images.classes))

    def draw(rng: np.random.Generator, row: int) -> tuple[dict, dict]:
        box = centre_box(*images.sizes[row].tolist(), fraction)
        # one millionth: enough to order equal scores, too little to reorder different ones
        table = {
            'label': labels,
            'boxes': np.repeat(box, len(labels), 0),
            'scores': prior[row] + 1e-6 * rng.random(len(labels)),
        }
        return table, table

    return {**_evaluate(images, draw, seeds), 'fraction': fraction}


def best_centre_fraction(
    images: AnnotatedImages,
    fractions: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    key: str = 'CorLoc',
) -> float:
    """The size of centre box that scores highest, to be chosen on a val split: the strongest opponent of its kind.

    Args:
        images: The split to choose on.
        fractions: Candidates for the share of the image's area.
        key: The number to maximise.

    Returns:
        The best candidate, the smallest of equals.
    """
    prior = images.class_frequency()
    scores = [centre_box_baseline(images, prior, fraction, seeds=[0])[key] for fraction in fractions]
    return float(fractions[int(np.nanargmax(scores))])


def _evaluate(images: AnnotatedImages, draw: Callable, seeds: Sequence[int]) -> dict[str, Any]:
    runs = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pairs = [draw(rng, row) for row in range(len(images.ids))]
        detections, top = (stack_tables(list(part), 'scores') for part in zip(*pairs, strict=True))
        runs.append(evaluate_tables(detections, top, images.truth, images.classes))
    return _summarise(runs)


def _summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Average evaluations.

    Returns:
        ``mAP_11pt``, ``mAP_area``, ``CorLoc``: means over the seeds, percent; the same with ``_std`` (sample standard
        deviation, 0 for one seed); per class ``ap_11pt``, ``ap_area``, ``corloc`` lists; ``classes``; ``seeds``: how
        many.
    """
    result: dict[str, Any] = {'classes': runs[0]['classes'], 'seeds': len(runs)}
    for key in _REPORTED:
        values = np.array([run[key] for run in runs])
        result[key] = float(values.mean())
        result[f'{key}_std'] = float(values.std(ddof=1)) if len(runs) > 1 else 0.0
    for key in ('ap_11pt', 'ap_area', 'corloc'):
        result[key] = np.mean([run[key] for run in runs], axis=0).tolist()
    return result
