"""Checking options that are one of a few words."""

__all__ = ['require_one_of']


def require_one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not among the choices.

    Args:
        name: Name of the option.
        value: Its value.
        choices: What it may be.

    Raises:
        ValueError: If it is none of them.
    """
    if value not in choices:
        raise ValueError(f'{name} must be one of {choices}, got {value!r}')
