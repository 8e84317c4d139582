"""Options of a config with defaults, where a name that nobody reads is an error."""

from collections.abc import Mapping
from typing import Any

__all__ = ['known_options', 'nms_threshold']


def known_options(given: Mapping[str, Any] | None, defaults: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Defaults, overridden by what is given.

    Args:
        given: Entries of a config, or ``None``.
        defaults: All options there are.
        where: Name of the config's part, for the message.

    Returns:
        A new dictionary with the keys of ``defaults``.

    Raises:
        ValueError: If an option is unknown.
    """
    given = dict(given or {})
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise ValueError(f'{where} has the options {sorted(defaults)}, not {unknown}')
    return {**defaults, **given}


def nms_threshold(nms: Mapping[str, Any], where: str) -> float:
    """The threshold in MMDetection's ``nms=dict(type='nms', iou_threshold=.3)``; the type may be left out.

    Args:
        nms: The dictionary.
        where: Name of the config's part, for the message.

    Raises:
        ValueError: If it asks for another NMS, or is without a threshold.
    """
    if nms.get('type', 'nms') != 'nms' or set(nms) - {'type', 'iou_threshold'} or 'iou_threshold' not in nms:
        raise ValueError(f"{where} must be dict(type='nms', iou_threshold=...), got {dict(nms)}")
    return float(nms['iou_threshold'])
