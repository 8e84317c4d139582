"""Normalisation in the pipeline."""

from collections.abc import Sequence

from mmcv.transforms import BaseTransform

from wsod_mm.functional.image_input import IMAGENET_NORM, PixelNorm, normalize_image
from wsod_mm.registry import TRANSFORMS

__all__ = ['NormalizeImage']


@TRANSFORMS.register_module()
class NormalizeImage(BaseTransform):
    """Normalise an RGB image here rather than in the data preprocessor, before or after a crop.

    Args:
        mean: Grey levels 0-255, in the order of the network's channels.
        std: The same.
        bgr: Whether the network wants blue first.

    Raises:
        ValueError: Unless there are three of each, no divisor 0.
    """

    def __init__(
        self,
        mean: Sequence[float] = IMAGENET_NORM.mean,
        std: Sequence[float] = IMAGENET_NORM.std,
        bgr: bool = False,
    ) -> None:
        if len(mean) != 3 or len(std) != 3 or not all(std):
            raise ValueError(f'mean and std need three numbers each and no std of 0, got {mean} and {std}')
        self.norm = PixelNorm(tuple(mean), tuple(std), bgr)

    def transform(self, results: dict) -> dict:
        """Turn ``img`` [H, W, 3] RGB, 0-255, into float32 in the network's order.

        Args:
            results: With ``img``.

        Returns:
            The results, with ``img_norm_cfg`` as MMDetection notes it.
        """
        results['img'] = normalize_image(results['img'], self.norm)
        results['img_norm_cfg'] = dict(mean=self.norm.mean, std=self.norm.std, bgr=self.norm.bgr)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(mean={self.norm.mean}, std={self.norm.std}, bgr={self.norm.bgr})'
