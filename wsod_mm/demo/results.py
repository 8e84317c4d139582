"""Numbers of one finished detector, read from the folders of its stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsod_mm.engine.hooks.results_hook import read_results
from wsod_mm.evaluation import DetectionFile, evaluate_tables, part_whole_statistics

from .data_stages import join_splits
from .derive import branch_dump

__all__ = ['DetectorResults', 'detector_results', 'train_seconds']


@dataclass(frozen=True)
class DetectorResults:
    """What was measured.

    Attributes:
        classes: Names of the classes.
        numbers: See :func:`~wsod_mm.demo.data_stages.join_splits`.
        part_whole: Statistics of the best boxes of trainval; ``None`` where the parts are unknown.
    """

    classes: list[str]
    numbers: dict[str, Any]
    part_whole: dict[str, float] | None


def detector_results(
    folder: Path, key: str, data_root: Path | None = None, classes: Sequence[str] | None = None, branch: str = ''
) -> DetectorResults:
    """Evaluate what a detector said on test and on trainval.

    Args:
        folder: Where the stages ``<key>_test`` and ``<key>_corloc`` are.
        key: The detector.
        data_root: Folder that may hold ``parts.json`` (MiniVOC).
        classes: Names of the classes; default those of the detections.
        branch: Whose predictions; ``''`` for the only or first one.

    Returns:
        The results.

    Raises:
        FileNotFoundError: If there are no predictions.
        ValueError: If they are unreadable.
    """
    test, trainval = (
        DetectionFile.load(branch_dump(folder / f'{key}_{name}' / 'predictions.npz', branch))
        for name in ('test', 'corloc')
    )
    classes = list(test.classes if classes is None else classes)
    numbers = join_splits(
        *(evaluate_tables(file.detections, file.top, file.truth, classes) for file in (test, trainval))
    )
    if data_root is None or not (data_root / 'parts.json').is_file():
        return DetectorResults(classes, numbers, None)
    from wsod_mm.datasets.minivoc import load_parts

    statistics = part_whole_statistics(trainval.top, trainval.img_ids, classes, load_parts(data_root))
    return DetectorResults(classes, numbers, statistics)


def train_seconds(folder: Path) -> float | None:
    """Seconds of training and validation of the training stage in a folder, all resumed runs together."""
    return (read_results(folder / 'run').get('train') or {}).get('seconds')
