"""Reading an image as RGB."""

import mmengine.fileio as fileio
from mmcv.transforms import BaseTransform

from wsod_mm.registry import TRANSFORMS

from ..rgb_image import decode_rgb_image

__all__ = ['LoadRGBImage']


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Read ``img`` as RGB uint8 by PIL, as the public codes of PSA and IRN do; grey and CMYK images too.

    :class:`LoadWeakImage` gives BGR by OpenCV. The data preprocessor must be told which it gets.

    Args:
        apply_exif: Turn the image as its EXIF tag asks; label maps must then be turned alike.
        ignore_empty: Give ``None`` for a bad image instead of raising.
        backend_args: Of MMEngine's file readers.
    """

    def __init__(self, apply_exif: bool = False, ignore_empty: bool = False, backend_args: dict | None = None) -> None:
        self.apply_exif = apply_exif
        self.ignore_empty = ignore_empty
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict | None:
        """Add ``img`` ([H, W, 3] RGB uint8, writable), ``img_shape`` and ``ori_shape``.

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
            try:
                data = fileio.get(path, backend_args=self.backend_args)
            except FileNotFoundError:
                raise FileNotFoundError(f'no image file {path}; correct data_root or take it out of the list') from None
            results['img'] = decode_rgb_image(data, str(path), self.apply_exif)
        except (FileNotFoundError, ValueError):
            if self.ignore_empty:
                return None
            raise
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(apply_exif={self.apply_exif}, ignore_empty={self.ignore_empty})'
