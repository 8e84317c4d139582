"""Whether proposals went through the same geometry as their image."""

import numpy as np

from wsod_mm.functional.proposals import project_boxes

__all__ = ['check_proposals', 'geometry_of']


def geometry_of(results: dict) -> np.ndarray:
    """Map from pixels of the original image to those of the network input.

    Args:
        results: After the transforms. ``homography_matrix``, which MMDetection's transforms and
            ours keep up, is the whole truth; MMCV's own Resize and RandomFlip do not, so without it
            the matrix is made from ``scale_factor`` and ``flip`` (resize first).

    Returns:
        ``[3, 3]`` float64.
    """
    recorded = results.get('homography_matrix')
    if recorded is not None:
        return np.asarray(recorded, dtype=np.float64)
    scale = results.get('scale_factor', (1.0, 1.0))
    matrix = np.diag([scale[0], scale[1], 1.0])
    height, width = results['img_shape']
    direction = results.get('flip_direction') if results.get('flip') else None
    if direction in ('horizontal', 'diagonal'):
        matrix = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    if direction in ('vertical', 'diagonal'):
        matrix = np.array([[1, 0, 0], [0, -1, height - 1], [0, 0, 1]]) @ matrix
    return matrix


def check_proposals(results: dict, boxes: np.ndarray, tolerance: float = 1.5) -> None:
    """Compare proposals with their originals mapped by the geometry of the image.

    Args:
        results: With ``proposals_original``, ``img_shape`` and what :func:`geometry_of` reads.
        boxes: The proposals as they are about to enter the network, [R, 4].
        tolerance: Largest deviation, pixels of the network input; covers clipping and MMDetection's
            W - x flip.

    Raises:
        ValueError: If they disagree, or the originals are not known.
    """
    name = f'image {results.get("img_id")!r} ({results.get("img_path")})'
    original = results.get('proposals_original')
    if original is None:
        raise ValueError(
            f'{name}: the original proposals are not known; load them with LoadWeakProposals '
            'instead of LoadProposals, or set PackWeakInputs(check_proposals=False)'
        )
    if len(original) != len(boxes):
        raise ValueError(
            f'{name}: {len(original)} proposals were loaded but {len(boxes)} arrive; a transform '
            'in between drops some. Use DedupProposals, or set '
            'PackWeakInputs(check_proposals=False)'
        )
    if not len(boxes):
        return
    deviation = np.abs(project_boxes(original, geometry_of(results)) - boxes).max(axis=1)
    worst = int(deviation.argmax())
    if not deviation[worst] <= tolerance:
        raise ValueError(
            f'{name}: the proposals were not transformed with the image (off by '
            f'{deviation[worst]:.1f} px: {original[worst].tolist()} became '
            f'{boxes[worst].tolist()}, scale_factor={results.get("scale_factor")}, '
            f'flip={results.get("flip", False)}); wrap Resize/RandomFlip in ProposalBroadcaster. '
            'For a pipeline with crops, where boxes are cut, set '
            'PackWeakInputs(check_proposals=False)'
        )
