"""The stages of a pipeline, one file each."""

from .affinity import affinity_stage
from .cam import cam_stage
from .cam_crf import cam_crf_stage
from .classifier import classifier_stage
from .crf_labels import crf_labels_stage
from .evaluate import evaluate_stage
from .export import export_stage
from .images import images_stage
from .ins_seg import ins_seg_stage
from .ir_labels import ir_labels_stage
from .irn import irn_stage
from .report import report_stage
from .sem_seg import sem_seg_stage
from .walk import walk_stage

__all__ = [
    'affinity_stage',
    'cam_crf_stage',
    'cam_stage',
    'classifier_stage',
    'crf_labels_stage',
    'evaluate_stage',
    'export_stage',
    'images_stage',
    'ins_seg_stage',
    'ir_labels_stage',
    'irn_stage',
    'report_stage',
    'sem_seg_stage',
    'walk_stage',
]
