"""Fully connected CRF of an image: by pydensecrf, by a bilateral grid, or exactly."""

import importlib.util
from dataclasses import dataclass

import numpy as np
import torch

from .crf_mean_field import (
    MAX_EXACT_PIXELS,
    bilateral_features,
    exact_kernel,
    gaussian_blur,
    mean_field,
    normalised,
    pixel_grid,
)

__all__ = ['CRF_BACKENDS', 'DenseCRFParams', 'dense_crf', 'resolve_crf_backend']

CRF_BACKENDS = ('auto', 'pydensecrf', 'grid', 'exact', 'none')


@dataclass(frozen=True)
class DenseCRFParams:
    """Parameters of the CRF. The defaults are those of the public code of AffinityNet; IRN has 50 and 5 for the second
    and third sigma.

    Attributes:
        iterations: Of the mean field.
        gaussian_sigma: Pixels; standard deviation of the kernel that knows positions only.
        gaussian_weight: Of this kernel.
        bilateral_sigma: Pixels; standard deviation of positions in the kernel of positions and colours.
        color_sigma: Grey levels (0 to 255); standard deviation of colours in it.
        bilateral_weight: Of this kernel.

    Raises:
        ValueError: If a sigma is not positive, or a weight or ``iterations`` negative.
    """

    iterations: int = 10
    gaussian_sigma: float = 3
    gaussian_weight: float = 3
    bilateral_sigma: float = 80
    color_sigma: float = 13
    bilateral_weight: float = 10

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0 or (value == 0 and name.endswith('sigma')):
                raise ValueError(f'{name} must {"be positive" if "sigma" in name else "not be negative"}, got {value}')


def resolve_crf_backend(name: str = 'auto') -> str:
    """The backend that a name stands for.

    Args:
        name: One of :data:`CRF_BACKENDS`; ``'auto'``: pydensecrf where it is installed, else the grid.

    Returns:
        ``'pydensecrf'``, ``'grid'``, ``'exact'`` or ``'none'``.

    Raises:
        ValueError: If the name is unknown.
        ModuleNotFoundError: If pydensecrf is asked for and not installed.
    """
    if name not in CRF_BACKENDS:
        raise ValueError(f'the backend of the CRF must be one of {CRF_BACKENDS}, got {name!r}')
    if name not in ('auto', 'pydensecrf'):
        return name
    if importlib.util.find_spec('pydensecrf') is not None:
        return 'pydensecrf'
    if name == 'auto':
        return 'grid'
    raise ModuleNotFoundError(
        "CRF backend 'pydensecrf' is not installed: pip install pydensecrf2 (it is compiled; needs a C++ compiler and "
        "Python below 3.13), or choose 'grid', which needs nothing"
    )


@torch.no_grad()
def dense_crf(
    image: np.ndarray,
    unary: np.ndarray,
    params: DenseCRFParams | None = None,
    backend: str = 'auto',
    device: str = 'cpu',
) -> np.ndarray:
    """Posteriors of labels after mean field in a fully connected CRF.

    Kernels are Gaussians of positions, and of positions and colours, with themselves included, symmetrically
    normalised; labels are compatible with themselves only. Source: Krähenbühl and Koltun 2011; parameters from the
    public codes of AffinityNet and IRN.

    ``'grid'`` stays within some tenths of a percent of ``'exact'`` in the best label of pixels (images with many labels
    and noise: a few percent), closer than pydensecrf.

    Args:
        image: ``[H, W, 3]`` uint8, RGB.
        unary: ``[L, H, W]`` float, costs of the labels, as -log of their probabilities.
        params: ``None``: :class:`DenseCRFParams`.
        backend: One of :data:`CRF_BACKENDS`. ``'exact'``: all pairs of pixels in float64, for small images.
            ``'none'``: no kernels, softmax(-unary).
        device: Of ``'grid'`` and ``'exact'``.

    Returns:
        ``[L, H, W]`` float32, sums to 1 over the labels.

    Raises:
        ValueError: If the image or the costs are something else, or too large for ``'exact'``.
        ModuleNotFoundError: As :func:`resolve_crf_backend`.
    """
    params, backend = params or DenseCRFParams(), resolve_crf_backend(backend)
    image, unary = np.asarray(image), np.asarray(unary)
    _check(image, unary)
    if backend == 'pydensecrf' and len(unary) > 1:
        return _pydensecrf(image, unary, params)
    pixels = torch.tensor(image, device=device)
    costs = torch.tensor(unary, device=device, dtype=torch.float64 if backend == 'exact' else torch.float32)
    size, ones = image.shape[:2], torch.ones_like(costs[:1])
    filters = []
    if len(costs) > 1 and backend == 'grid':
        features = bilateral_features(pixels, params.bilateral_sigma, params.color_sigma).float()
        kernels = (lambda values: gaussian_blur(values, params.gaussian_sigma), pixel_grid(features, size))
    elif len(costs) > 1 and backend == 'exact':
        if size[0] * size[1] > MAX_EXACT_PIXELS:
            raise ValueError(
                f"CRF backend 'exact' takes at most {MAX_EXACT_PIXELS} pixels, the image has {size[0]} x {size[1]}; "
                "use 'grid'"
            )
        places = bilateral_features(pixels, params.gaussian_sigma, 1)[:, :2]
        features = bilateral_features(pixels, params.bilateral_sigma, params.color_sigma)
        kernels = (exact_kernel(places, size), exact_kernel(features, size))
    else:
        kernels = ()
    if kernels:
        weights = params.gaussian_weight, params.bilateral_weight
        filters = [(weight, normalised(kernel, ones)) for weight, kernel in zip(weights, kernels, strict=True)]
    return mean_field(costs, filters, params.iterations).float().cpu().numpy()


def _pydensecrf(image: np.ndarray, unary: np.ndarray, params: DenseCRFParams) -> np.ndarray:
    from pydensecrf.densecrf import DenseCRF2D

    labels, height, width = unary.shape
    crf = DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(np.ascontiguousarray(unary.reshape(labels, -1), dtype=np.float32))
    crf.addPairwiseGaussian(sxy=params.gaussian_sigma, compat=params.gaussian_weight)
    # it refuses memory that cannot be written, as that of a PIL image
    pixels = np.array(image, order='C')
    crf.addPairwiseBilateral(
        sxy=params.bilateral_sigma, srgb=params.color_sigma, rgbim=pixels, compat=params.bilateral_weight
    )
    return np.array(crf.inference(params.iterations), dtype=np.float32).reshape(unary.shape)


def _check(image: np.ndarray, unary: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f'the image of a CRF must be RGB, [H, W, 3] uint8, got {list(image.shape)} {image.dtype}; grey and CMYK '
            "images: PIL's image.convert('RGB')"
        )
    if unary.ndim != 3 or unary.shape[1:] != image.shape[:2] or not unary.size:
        raise ValueError(
            f'costs must be [L, {image.shape[0]}, {image.shape[1]}] as the image, with a label and a pixel at least, '
            f'got {list(unary.shape)}'
        )
    if not np.isfinite(unary).all():
        raise ValueError('costs must be finite: clip probabilities before the logarithm, see soft_unary')
