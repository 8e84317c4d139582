"""From the batch of the data loader to what the detector sees."""

from .multi_view_data_preprocessor import MultiViewDataPreprocessor

__all__ = ['MultiViewDataPreprocessor']
