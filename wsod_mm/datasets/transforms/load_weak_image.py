"""Reading an image, or saying clearly why not."""

import mmcv
import mmengine.fileio as fileio
import numpy as np
from mmcv.transforms import LoadImageFromFile

from wsod_mm.registry import TRANSFORMS

from ..image_file import incomplete_reason

__all__ = ['LoadWeakImage']


@TRANSFORMS.register_module()
class LoadWeakImage(LoadImageFromFile):
    """``LoadImageFromFile`` that refuses damaged files and leaves EXIF rotation alone.

    The boxes of VOC and COCO, and proposals made by OpenCV from raw pixels, are in the coordinates
    of the stored image, so a decoder that turns the image as its EXIF tag asks would separate the
    two.

    Args:
        color_type: Decoding flag of ``mmcv.imfrombytes``; ``'color_ignore_orientation'`` gives BGR
            as stored.
        check_complete: Refuse JPEG and PNG files without an end marker. OpenCV 4 returns the upper
            part of such images as if nothing were wrong; OpenCV 5 refuses them by itself.
        **kwargs: See ``mmcv.transforms.LoadImageFromFile``; ``ignore_empty=True`` skips bad images
            instead of raising.
    """

    def __init__(self, color_type: str = 'color_ignore_orientation', check_complete: bool = True, **kwargs) -> None:
        super().__init__(color_type=color_type, **kwargs)
        self.check_complete = check_complete

    def transform(self, results: dict) -> dict | None:
        """Add ``img`` (uint8 or float32 [H, W, 3], BGR), ``img_shape`` and ``ori_shape``.

        Args:
            results: With ``img_path``.

        Returns:
            The results, or ``None`` for a bad image with ``ignore_empty``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is empty, truncated or no image.
        """
        path = results['img_path']
        try:
            image = self._read(path)
        except (FileNotFoundError, ValueError):
            if self.ignore_empty:
                return None
            raise
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def _read(self, path: str) -> np.ndarray:
        try:
            data = fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError:
            raise FileNotFoundError(f'no image file {path}; correct data_root or take it out of the list') from None
        reason = incomplete_reason(data) if self.check_complete else None
        image = None
        if reason is None and data:
            image = mmcv.imfrombytes(data, flag=self.color_type, backend=self.imdecode_backend)
            reason = 'the decoder cannot read it' if image is None else None
        if image is None:
            raise ValueError(
                f'cannot use image {path}: {reason or "the file is empty"}; copy or download it '
                'again, or take it out of the list'
            )
        return image
