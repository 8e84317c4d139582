"""From the names or numbers in a foreign file to our image ids."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..errors import ProposalFileError

__all__ = ['match_ids', 'numeric_id']

_COCO = re.compile(r'COCO_[a-z0-9]+_(\d+)', re.IGNORECASE)


def numeric_id(image_id: str) -> int | None:
    """The number that Detectron-like files use for an image: ``'000005'`` -> 5, ``'2008_000002'``
    -> 2008000002, ``'COCO_val2014_000000000042'`` -> 42; ``None`` for other names."""
    coco = _COCO.fullmatch(image_id)
    if coco:
        return int(coco.group(1))
    digits = image_id.replace('_', '')
    return int(digits) if digits.isdecimal() else None


def match_ids(keys: Sequence[str | int] | None, count: int, image_ids: Sequence[str], source: str) -> list[str | None]:
    """Find the image of every entry of a file.

    Args:
        keys: Names (a path, file name or stem) or numbers; ``None`` when only the position tells.
        count: Number of entries.
        image_ids: Ids of the images, in image-set order.
        source: Name of the file, for messages.

    Returns:
        Per entry the image id, or ``None`` for an image that is not asked for (files may hold
        more).

    Raises:
        ProposalFileError: If nothing matches, two entries claim one image, or positions are all
            there is and the counts differ.
    """
    if keys is None:
        if count != len(image_ids):
            raise ProposalFileError(
                f'{source} names no images and has {count} entries, but the image list has'
                f' {len(image_ids)}: give the very list (in its order) that the file was made from'
            )
        return list(image_ids)
    exact = set(image_ids)
    by_number: dict[int, str] = {}
    for image_id in image_ids:
        number = numeric_id(image_id)
        if number is not None and by_number.setdefault(number, image_id) != image_id:
            by_number[number] = ''  # two images share the number: it must not decide
    matched: list[str | None] = []
    owner: dict[str, str | int] = {}
    for key in keys:
        if isinstance(key, str):
            stem = PurePosixPath(key.replace('\\', '/')).name
            stem = stem if stem in exact else re.sub(r'\.[A-Za-z]{3,4}$', '', stem)
            number = numeric_id(stem)
            found = stem if stem in exact else by_number.get(number) if number is not None else None
        else:
            found = by_number.get(key)
            if found == '':
                raise ProposalFileError(
                    f'{source}: number {key} fits several images of the list; use one list per data set'
                )
        found = found or None
        if found is not None:
            if found in owner:
                raise ProposalFileError(
                    f'{source}: entries {owner[found]!r} and {key!r} both belong to image {found!r}'
                )
            owner[found] = key
        matched.append(found)
    if not owner:
        raise ProposalFileError(
            f'{source}: none of its {count} entries (ids like {list(keys[:3])}) belongs to one of'
            f' the {len(image_ids)} images (ids like {list(image_ids[:3])}); is this the right'
            ' split?'
        )
    return matched
