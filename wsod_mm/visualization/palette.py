"""Colours of classes, the same in pictures and in the report."""

import colorsys

__all__ = ['class_colour', 'hex_colour']

# chosen to stay apart on grass, sky and skin, and by lightness for colour-blind readers
_FIRST = ((240, 160, 0), (70, 190, 245), (0, 170, 110), (245, 235, 70), (225, 60, 50), (150, 95, 235), (245, 140, 205))


def class_colour(label: int) -> tuple[int, int, int]:
    """Colour of a class.

    Args:
        label: Class 0, 1, ...; the first seven are chosen by hand, the others follow the golden angle.

    Returns:
        Red, green, blue, 0-255.
    """
    if label < len(_FIRST):
        return _FIRST[label]
    red, green, blue = colorsys.hls_to_rgb((0.11 + 0.618034 * label) % 1, 0.58, 0.72)
    return round(255 * red), round(255 * green), round(255 * blue)


def hex_colour(label: int) -> str:
    """Colour of a class as ``'#rrggbb'``."""
    return '#{:02x}{:02x}{:02x}'.format(*class_colour(label))
