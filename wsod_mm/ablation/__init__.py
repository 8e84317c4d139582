"""A grid of configs over seeds, run as a resumable pipeline, with its tables and plots."""

from .grid import Grid, GridError, load_grid

__all__ = ['Grid', 'GridError', 'load_grid']
