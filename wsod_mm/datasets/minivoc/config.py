"""Every dial of the MiniVOC generator."""

from __future__ import annotations

import dataclasses

__all__ = ['MiniVOCConfig']


@dataclasses.dataclass(frozen=True)
class MiniVOCConfig:
    """Parameters of a MiniVOC devkit; two equal configs give bit-identical pictures.

    Lengths are fractions of the picture's long side unless a name says ``px``; probabilities are in
    [0, 1]; every pair is ``(lowest, highest)``, both included.

    Attributes:
        seed: Seed of everything. A picture depends on the seed, its split and its number alone, so
            asking for more pictures never changes the earlier ones.
        num_train: Pictures of the ``train`` split.
        num_val: Pictures of the ``val`` split (``trainval`` is both together).
        num_test: Pictures of the ``test`` split.
        side_px: Range of picture height and width.
        supersample: Scenes are painted this many times larger and averaged down.
        jpeg_quality: Quality of the JPEG files, 1-100.
        main_scale: Length of the first object of a picture.
        extra_scale: Length of the others.
        max_extra_objects: Most objects besides the first one.
        same_class_prob: Probability that an extra object has the class of the first one.
        head_size: Length of the head relative to the object's.
        coat: How much the body has the paint of its family, which all classes of one body share; 0 =
            a random dull colour that tells nothing.
        body_hue: Class colour on the body beside the neck: 0 = the body tells nothing about the
            class, 1 = it is painted like the head. The main dial of part domination.
        body_pattern: Strength of the class pattern on the body, likewise.
        body_fade: How much of both is lost between neck and tail (0 = none, 1 = all of it).
        hue_sharing: 1 = every colour belongs to two classes with different bodies, so that only a
            box with some of the body tells them apart at a glance; 0 = a colour per class.
        hidden_head_prob: Probability that an object looks away, so that its head carries no class
            mark.
        headless_prob: Probability that a picture has bodies without a head (no objects, never
            annotated).
        max_headless: Most of these per picture.
        num_clutter: Textured polygons and blobs behind the objects.
        clutter_saturation: Highest colour saturation of clutter; high values imitate the colours of
            the classes.
        occluder_prob: Probability that an object gets something in front of it.
        occluder_cover: Range of the part of the object's box that is covered.
        truncated_prob: Probability that an object is cut by the picture's border.
        difficult_visible: An object with less than this share of its area visible is ``difficult``.
        difficult_side_px: An object whose visible box has a shorter side than this is
            ``difficult``.
        noise: Standard deviation of the sensor noise, grey levels.
    """

    seed: int = 0
    num_train: int = 400
    num_val: int = 200
    num_test: int = 300
    side_px: tuple[int, int] = (120, 200)
    supersample: int = 2
    jpeg_quality: int = 92
    main_scale: tuple[float, float] = (0.35, 0.80)
    extra_scale: tuple[float, float] = (0.10, 0.50)
    max_extra_objects: int = 2
    same_class_prob: float = 0.4
    head_size: float = 0.42
    coat: float = 0.0
    body_hue: float = 1.0
    body_pattern: float = 0.0
    body_fade: float = 0.0
    hue_sharing: float = 0.0
    hidden_head_prob: float = 0.2
    headless_prob: float = 0.4
    max_headless: int = 2
    num_clutter: tuple[int, int] = (4, 8)
    clutter_saturation: float = 0.45
    occluder_prob: float = 0.2
    occluder_cover: tuple[float, float] = (0.15, 0.55)
    truncated_prob: float = 0.1
    difficult_visible: float = 0.55
    difficult_side_px: int = 12
    noise: float = 4.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (list, tuple)):
                # JSON has no tuples; equal configs must compare equal
                object.__setattr__(self, field.name, tuple(value))
                if len(value) != 2 or value[0] > value[1]:
                    raise ValueError(f'{field.name}={value!r}: give (lowest, highest)')
            if (
                field.name.endswith(('_prob', '_hue', '_fade', '_pattern', '_sharing'))
                or field.name in ('coat', 'difficult_visible')
            ) and not 0 <= value <= 1:
                raise ValueError(f'{field.name}={value!r}: must lie in [0, 1]')
            if field.name.startswith(('num_', 'max_')) and min(_as_pair(value)) < 0:
                raise ValueError(f'{field.name}={value!r}: must not be negative')
        if self.side_px[0] < 32:
            raise ValueError(f'side_px={self.side_px!r}: pictures need at least 32 pixels a side')
        if self.supersample < 1:
            raise ValueError(f'supersample={self.supersample!r}: must be 1 or more')
        if self.seed < 0:
            raise ValueError(f'seed={self.seed!r}: must not be negative')
        for name in ('main_scale', 'extra_scale'):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise ValueError(f'{name}={(low, high)!r}: must lie in (0, 1]')

    @property
    def splits(self) -> dict[str, int]:
        """Number of pictures per split, in the order in which the pictures are numbered."""
        return {'train': self.num_train, 'val': self.num_val, 'test': self.num_test}


def _as_pair(value):
    return value if isinstance(value, tuple) else (value, value)
