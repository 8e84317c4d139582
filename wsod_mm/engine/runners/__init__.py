"""Runners."""

from .active_learning_runner import ActiveLearningRunner

__all__ = ['ActiveLearningRunner']
