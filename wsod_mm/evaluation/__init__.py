"""Metrics for detectors, classifiers and segmentors that learn from image labels, and baselines to compare with."""

from .baselines import AnnotatedImages, best_centre_fraction, centre_box_baseline, random_proposal_baseline
from .detection_file import DetectionFile
from .mask_ap_metric import MaskAPMetric, mask_ap_details
from .multi_label_metric import MultiLabelMetric
from .part_whole import part_whole_statistics
from .seg_folders import evaluate_cam_folder, evaluate_label_folder
from .voc_iou_metric import VOCIoUMetric, iou_details
from .weak_voc_metric import WeakVOCMetric, evaluate_tables

__all__ = [
    'AnnotatedImages',
    'DetectionFile',
    'MaskAPMetric',
    'MultiLabelMetric',
    'VOCIoUMetric',
    'WeakVOCMetric',
    'best_centre_fraction',
    'centre_box_baseline',
    'evaluate_cam_folder',
    'evaluate_label_folder',
    'evaluate_tables',
    'iou_details',
    'mask_ap_details',
    'part_whole_statistics',
    'random_proposal_baseline',
]
