"""The classes of MiniVOC and of its companion set."""

from __future__ import annotations

import dataclasses

__all__ = ['COATS', 'COMPANION_SPECIES', 'SPECIES', 'Species']

COATS = {
    'quadruped': (30, 0.45, 0.5, 'checks'),
    'bird': (200, 0.1, 0.9, 'waves'),
    'fish': (60, 0.3, 0.7, 'stripes'),
    'beetle': (0, 0.2, 0.3, 'dots'),
    'snail': (330, 0.3, 0.8, 'plain'),
}
"""Paint of every kind of body: hue in degrees, saturation, value, pattern."""


@dataclasses.dataclass(frozen=True)
class Species:
    """What all objects of a class have in common.

    Attributes:
        name: Class name.
        body: Kind of body, shared by several species.
        head: Kind of head.
        hue: Colour of the head, degrees.
        pattern: Pattern on the head, see :data:`.textures.PATTERNS`.
        hue_shift: Degrees by which ``hue`` moves away when no two species share a colour.
    """

    name: str
    body: str
    head: str
    hue: float
    pattern: str
    hue_shift: float = 0.0


SPECIES = (
    Species('bear', 'quadruped', 'round_ears', 215, 'plain'),
    Species('cat', 'quadruped', 'pointed_ears', 25, 'stripes'),
    Species('goat', 'quadruped', 'horns', 120, 'dots'),
    Species('duck', 'bird', 'flat_beak', 215, 'plain', 60),
    Species('owl', 'bird', 'big_eyes', 120, 'dots', 60),
    Species('parrot', 'bird', 'crest', 25, 'stripes', 60),
)
"""The six classes: two families of three, each with one body; both have the same three colours."""

COMPANION_SPECIES = tuple(
    Species(f'{body}_{head}', body, head, hue, kind)
    for body, first in (('fish', 0), ('beetle', 15), ('snail', 40))
    for head, hue, kind in (
        ('round_ears', first + 90, 'checks'),
        ('antennae', first + 180, 'waves'),
        ('flat_beak', first + 270, 'stripes'),
        ('crest', first + 310, 'dots'),
    )
)
"""Twelve other classes, for object-centric pre-training."""
