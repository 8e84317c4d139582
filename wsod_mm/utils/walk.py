"""Walking through a config."""

from collections.abc import Callable
from typing import Any

__all__ = ['each_dict']


def each_dict(value: Any, function: Callable[[Any], None]) -> None:
    """Call a function for every dictionary in a nested config, the outer ones first.

    Args:
        value: Dictionaries, lists and tuples of plain values. (Pass ``config._cfg_dict`` for a whole config.)
        function: May change the dictionary.
    """
    if isinstance(value, dict):
        function(value)
        for child in list(value.values()):
            each_dict(child, function)
    elif isinstance(value, list | tuple):
        for child in value:
            each_dict(child, function)
