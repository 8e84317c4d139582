"""Metrics for detectors, classifiers, their score maps and segmentors that learn from image labels, and baselines."""

from .baselines import AnnotatedImages, best_centre_fraction, centre_box_baseline, random_proposal_baseline
from .cls_accuracy import ClsAccuracy
from .count_table_metric import CountTableMetric
from .detection_file import DetectionFile
from .loc_accuracy import LocAccuracy
from .mask_ap_metric import MaskAPMetric, mask_ap_details
from .max_box_acc_metric import MaxBoxAccMetric
from .multi_label_metric import MultiLabelMetric
from .part_whole import part_whole_statistics
from .pxap_metric import PxAPMetric
from .scoremap_files import read_scoremap, write_scoremap
from .scoremap_folder import evaluate_scoremap_folder
from .seg_folders import evaluate_cam_folder, evaluate_label_folder
from .voc_iou_metric import VOCIoUMetric, iou_details
from .weak_voc_metric import WeakVOCMetric, evaluate_tables

__all__ = [
    'AnnotatedImages',
    'ClsAccuracy',
    'CountTableMetric',
    'DetectionFile',
    'LocAccuracy',
    'MaskAPMetric',
    'MaxBoxAccMetric',
    'MultiLabelMetric',
    'PxAPMetric',
    'VOCIoUMetric',
    'WeakVOCMetric',
    'best_centre_fraction',
    'centre_box_baseline',
    'evaluate_cam_folder',
    'evaluate_label_folder',
    'evaluate_scoremap_folder',
    'evaluate_tables',
    'iou_details',
    'mask_ap_details',
    'part_whole_statistics',
    'random_proposal_baseline',
    'read_scoremap',
    'write_scoremap',
]
