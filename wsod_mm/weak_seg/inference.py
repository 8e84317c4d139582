"""What trained networks say about one image: CAMs, affinities, boundaries."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wsod_mm.datasets.cam_file import CamMaps
from wsod_mm.functional.cam_maps import add_mirrored, merge_cams, merge_strided_cams
from wsod_mm.functional.image_input import PixelNorm, multi_scale_inputs, normalize_image
from wsod_mm.models.classifiers import ImageClassifier
from wsod_mm.models.segmentors import AffinityNet, IRNet

from .options import CamOptions

__all__ = ['image_affinity', 'image_boundary', 'image_cams']


@torch.no_grad()
def image_cams(
    classifier: ImageClassifier, image: np.ndarray, keys: Tensor, norm: PixelNorm, options: CamOptions
) -> CamMaps:
    """CAMs of an image over scales and mirror images.

    Args:
        classifier: In evaluation mode.
        image: ``[H, W, 3]`` RGB uint8.
        keys: ``[K]`` int64, classes of the image from 0, ascending; without any, no network runs.
        norm: See :func:`.networks.pixel_norm`.
        options: Scales and how they are merged.

    Returns:
        On the CPU, in float32.

    Raises:
        ValueError: If the classifier lacks a class, or its maps are not finite.
    """
    size, device = tuple(image.shape[:2]), next(classifier.parameters()).device
    strided = options.merge == 'strided'
    low_size = tuple(-(-side // options.stride) for side in size)
    if not len(keys):
        low = np.zeros((0, *low_size), np.float32) if strided else None
        return CamMaps(keys.numpy(), np.zeros((0, *size), np.float32), low)
    raw = []
    for pair in multi_scale_inputs(image, options.scales, norm):
        raw.append(classifier.class_activation_maps(pair[: 1 + options.mirror].to(device)).float())
    if int(keys[-1]) >= raw[0].size(1):
        raise ValueError(
            f'the image shows class {int(keys[-1])} (from 0), but the classifier knows {raw[0].size(1)}; set '
            'num_classes of its head to the number of classes of the images'
        )
    if strided:
        maps = [add_mirrored(pair) if options.mirror else pair[0] for pair in raw]
        low, full = merge_strided_cams(maps, keys, size, options.stride, options.multiple)
    else:
        low, full = (
            None,
            merge_cams(
                [each for pair in raw for each in pair], [i > 0 for pair in raw for i in range(len(pair))], keys, size
            ),
        )
    if not bool(full.isfinite().all()):
        raise ValueError('its CAMs are not finite; look whether the training of the classifier diverged')
    return CamMaps(keys.numpy(), full.cpu().numpy(), None if low is None else low.cpu().numpy())


@torch.no_grad()
def image_affinity(
    network: AffinityNet, image: np.ndarray, norm: PixelNorm, stride: int, border: str = 'full'
) -> Tensor:
    """Affinities of the cells of an image.

    Source: specs/affinity.md 8: the normalised image is filled up with zeros at the right and at the bottom.

    Args:
        network: In evaluation mode.
        image: ``[H, W, 3]`` RGB uint8.
        norm: See :func:`.networks.pixel_norm`.
        stride: Pixels per cell.
        border: ``'full'`` or ``'reference'``.

    Returns:
        ``[P, ceil(H / stride), ceil(W / stride)]`` float32 on the device of the network.
    """
    pixels = _tensor(image, norm, network)
    height, width = image.shape[:2]
    padded = F.pad(pixels, (0, -width % stride, 0, -height % stride))
    embedding = network(padded[None], mode='tensor')[0]
    cells = (-(-height // stride), -(-width // stride))
    if tuple(embedding.shape[1:]) != cells:
        raise ValueError(
            f'the network has {tuple(embedding.shape[1:])} cells for {height} x {width} pixels, but labels with '
            f'stride={stride} (SoftLabelsToMap in its training config) have {cells}'
        )
    return network.head.affinities(embedding, border)


@torch.no_grad()
def image_boundary(network: IRNet, image: np.ndarray, norm: PixelNorm) -> tuple[Tensor, Tensor]:
    """Boundaries and displacements of the cells of an image.

    Args:
        network: In evaluation mode.
        image: ``[H, W, 3]`` RGB uint8.
        norm: See :func:`.networks.pixel_norm`.

    Returns:
        ``[h, w]`` in [0, 1] and ``[2, h, w]`` (dy, dx) in cells, float32 on the device of the network.
    """
    boundary, displacement = network.boundary_and_displacement(_tensor(image, norm, network))
    return boundary[0], displacement


def _tensor(image: np.ndarray, norm: PixelNorm, network: torch.nn.Module) -> Tensor:
    pixels = normalize_image(image, norm).transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(pixels)).to(next(network.parameters()).device)
