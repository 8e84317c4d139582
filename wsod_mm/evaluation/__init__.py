"""Metrics for detectors and classifiers that learn from image labels, and the baselines to hold against them."""

from .baselines import AnnotatedImages, best_centre_fraction, centre_box_baseline, random_proposal_baseline
from .detection_file import DetectionFile
from .multi_label_metric import MultiLabelMetric
from .part_whole import part_whole_statistics
from .weak_voc_metric import WeakVOCMetric, evaluate_tables

__all__ = [
    'AnnotatedImages',
    'DetectionFile',
    'MultiLabelMetric',
    'WeakVOCMetric',
    'best_centre_fraction',
    'centre_box_baseline',
    'evaluate_tables',
    'part_whole_statistics',
    'random_proposal_baseline',
]
