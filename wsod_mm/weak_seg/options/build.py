"""From a dict of a config to checked options, and errors that say where in the config."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

__all__ = ['build_options', 'require_choice', 'require_number', 'unknown_key']

Options = TypeVar('Options')


def build_options(cls: type[Options], values: Any, where: str) -> Options:
    """Make a dataclass of a dict.

    Args:
        cls: A dataclass whose ``__post_init__`` raises ``ValueError`` that begins with the name of the field.
        values: The dict.
        where: Name of the dict, such as ``'a.py: weak_seg.cam'``.

    Returns:
        The options; lists have become tuples.

    Raises:
        ValueError: If it is no dict, a key is unknown or missing, or a value is wrong.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f'{where}={values!r}: must be a dict(...) with some of {_names(cls)}')
    for key in values:
        if key not in _names(cls):
            raise ValueError(unknown_key(where, key, _names(cls)))
    missing = [
        field.name
        for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name not in values
    ]
    if missing:
        raise ValueError(f'{where} lacks {missing[0]!r}; add {missing[0]}=...')
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return cls(**plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{where}.{error}') from None


def unknown_key(where: str, key: str, known: Sequence[str]) -> str:
    """Message about a key that nobody reads."""
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    hint = f'did you mean {near[0]!r}?' if near else 'take it out'
    return f'{where} has no key {key!r}; {hint} (There are: {", ".join(known)}.)'


def require_number(name: str, value: Any, low: float, high: float = float('inf'), above: bool = False) -> None:
    """Refuse what is no number of a range.

    Args:
        name: Of the field.
        value: Its value.
        low: Smallest value.
        high: Largest value.
        above: Whether ``low`` itself is refused.

    Raises:
        ValueError: The value is refused.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (above and value == low):
        span = f'{"above" if above else "at least"} {low:g}' + (f' and at most {high:g}' if high < float('inf') else '')
        raise ValueError(f'{name}={value!r}: must be a number {span}')


def require_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse what is not among some values.

    Raises:
        ValueError: The value is refused.
    """
    if value not in choices:
        raise ValueError(f'{name}={value!r}: must be one of {", ".join(map(repr, choices))}')


def _names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]
