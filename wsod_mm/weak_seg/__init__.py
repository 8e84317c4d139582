"""Masks from image labels: the pipelines of AffinityNet (PSA) and of IRN, from one config each."""

from .config import WeakSegConfig, load_weak_seg_config
from .pipeline import run_weak_seg, weak_seg_stages

__all__ = ['WeakSegConfig', 'load_weak_seg_config', 'run_weak_seg', 'weak_seg_stages']
