"""Reading the label map of an image."""

from pathlib import Path

from mmcv.transforms import BaseTransform

from wsod_mm.registry import TRANSFORMS
from wsod_mm.utils.label_png import read_label_png

from .seg_maps import LABEL_MAP, require_image_size

__all__ = ['LoadLabelMap']


@TRANSFORMS.register_module()
class LoadLabelMap(BaseTransform):
    """Read ``<folder>/<img_id>.png``: 0 background, class id + 1, 255 ignored.

    Args:
        folder: Where the files lie.
        check_size: Refuse a map of another size than the image.
    """

    def __init__(self, folder: str, check_size: bool = True) -> None:
        self.folder = folder
        self.check_size = check_size

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``, uint8 [H, W].

        Args:
            results: With ``img_id``, and ``img`` where the size is checked.

        Returns:
            The results.

        Raises:
            FileNotFoundError: If the image has no such file.
            ValueError: If the file is no label map, or of another size than the image.
        """
        path = Path(self.folder) / f'{results["img_id"]}.png'
        label = read_label_png(path)
        if self.check_size:
            require_image_size(label.shape, results, path)
        results[LABEL_MAP] = label
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(folder={self.folder!r}, check_size={self.check_size})'
