"""Decide on rank 0, for all processes."""

from collections.abc import Callable
from typing import Any

from mmengine.dist import broadcast_object_list, is_distributed, is_main_process

__all__ = ['on_main']


def on_main(action: Callable[[], Any]) -> Any:
    """Do something on rank 0 while the others wait. All processes call it.

    Args:
        action: Its result must be picklable.

    Returns:
        What it returned, on all processes.

    Raises:
        Exception: What it raised, on all processes.
    """
    result: list[Any] = [None, None]
    if is_main_process():
        try:
            result[0] = action()
        except Exception as error:
            if not is_distributed():
                raise
            result[1] = error
    broadcast_object_list(result)
    if result[1] is not None:
        raise result[1]
    return result[0]
