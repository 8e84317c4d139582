"""Short names of strategies, for command lines."""

from mmengine.registry import init_default_scope

from wsod_mm.apis.config import UsageError
from wsod_mm.registry import TASK_UTILS

__all__ = ['strategy_type']


def strategy_type(name: str) -> str:
    """The registered type that a user means.

    Args:
        name: A type; ``Strategy`` at its end and capitals do not matter.

    Returns:
        The type, for instance ``'RandomStrategy'`` for ``'random'``.

    Raises:
        UsageError: If there is no such strategy; the message names those that there are.
    """
    init_default_scope('wsod_mm')
    TASK_UTILS.import_from_location()
    known = {key.lower(): key for key in TASK_UTILS.module_dict if key.endswith('Strategy')}
    # not asked of the registry, which takes "random" for Python's module
    found = known.get(name.lower()) or known.get(f'{name.lower()}strategy')
    if found is None:
        raise UsageError(f'no strategy {name!r}; there are {", ".join(sorted(known.values()))}')
    return found
