"""The test pipeline of a config, for images outside of data sets."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from torch import nn

from wsod_mm.apis.config import UsageError
from wsod_mm.apis.model_loading import dataset_settings

__all__ = ['TURNED', 'ImagePipeline', 'LoadedImage']

#: options with which our loaders turn an image as its EXIF tag asks, as MMDetection's does
TURNED = {'LoadRGBImage': dict(apply_exif=True), 'LoadWeakImage': dict(color_type='color')}


class LoadedImage(NamedTuple):
    """An image at the beginning and at the end of the test pipeline.

    Attributes:
        pixels: ``[H, W, 3]`` uint8 RGB, as loaded.
        packed: ``inputs`` and ``data_samples``.
    """

    pixels: np.ndarray
    packed: dict[str, Any]


class ImagePipeline:
    """The test pipeline of a config, for images that are in no data set.

    Files are turned as their EXIF tags ask, unless proposals belong to them as they are stored.

    Args:
        config: With ``test_dataloader``.

    Raises:
        UsageError: It has no test pipeline.
    """

    def __init__(self, config: Config) -> None:
        steps = dataset_settings(config).get('pipeline') or config.get('test_pipeline') or []
        steps = [step for step in steps if 'LoadAnnotations' not in str(step.get('type'))]
        if not steps:
            raise UsageError('the config has no test_dataloader.dataset.pipeline, which says how images are prepared')
        self.needs_proposals = any('Proposals' in str(step.get('type')) for step in steps)
        self._rgb = 'RGB' in str(steps[0].get('type'))
        if not self.needs_proposals:  # those are in the coordinates of the stored image
            steps[0] = dict(steps[0], **TURNED.get(str(steps[0].get('type')).rpartition('.')[2], {}))
        init_default_scope(config.get('default_scope', 'wsod_mm'))
        self._load, self._rest = Compose(steps[:1]), Compose(steps[1:])

    def __call__(
        self,
        image: str | os.PathLike | np.ndarray,
        number: int = 0,
        bgr: bool = False,
        proposals: dict[str, np.ndarray] | None = None,
    ) -> LoadedImage:
        """Prepare an image.

        Args:
            image: A file, read as the config says, or uint8 ``[H, W, 3]`` or ``[H, W]``.
            number: Of the image, its id if it is an array.
            bgr: Whether the array is BGR instead of RGB.
            proposals: ``bboxes`` ``[R, 4]`` and ``scores`` ``[R]`` for pipelines that load them.

        Returns:
            The image.

        Raises:
            ValueError: The file is broken, or the array of another form.
        """
        if isinstance(image, np.ndarray):
            pixels = _rgb_array(image, number, bgr)
            loaded = pixels if self._rgb else np.ascontiguousarray(pixels[..., ::-1])
            shape = pixels.shape[:2]
            results = dict(img=loaded, img_path=f'array {number}', img_id=number, img_shape=shape, ori_shape=shape)
        else:
            path = os.fspath(image)
            results = dict(img_path=path, img_id=os.path.splitext(os.path.basename(path))[0])
            try:
                results = self._load(results)
            except FileNotFoundError:
                raise
            except Exception as error:
                raise ValueError(f'{path} cannot be read ({error}); get the file again or leave it out') from error
            loaded = results['img']
            pixels = loaded if self._rgb else loaded[..., ::-1]
        pixels = np.ascontiguousarray(pixels.clip(0, 255), dtype=np.uint8)
        if proposals is not None:
            results['proposals'] = proposals
        height, width = results['ori_shape'][:2]
        results.update(height=height, width=width, test_mode=True)
        return LoadedImage(pixels, self._rest(results))

    @staticmethod
    def batch(model: nn.Module, images: Sequence[LoadedImage]) -> tuple[torch.Tensor, list[Any]]:
        """Inputs ``[B, 3, H, W]`` and data samples of some images, on the model's device."""
        data = model.data_preprocessor(pseudo_collate([image.packed for image in images]), False)
        return data['inputs'], data['data_samples']


def _rgb_array(image: np.ndarray, number: int, bgr: bool) -> np.ndarray:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] not in (3, 4) or image.dtype != np.uint8 or not image.size:
        raise ValueError(f'image {number} must be uint8 [H, W, 3] or [H, W], got {image.dtype} {list(image.shape)}')
    image = image[..., :3]
    return np.ascontiguousarray(image[..., ::-1] if bgr else image)
