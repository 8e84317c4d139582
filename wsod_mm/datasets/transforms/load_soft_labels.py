"""Reading the soft label maps of an image."""

from pathlib import Path

from mmcv.transforms import BaseTransform

from wsod_mm.registry import TRANSFORMS

from ..soft_label_file import read_soft_labels
from .seg_maps import require_image_size

__all__ = ['LoadSoftLabels']


@TRANSFORMS.register_module()
class LoadSoftLabels(BaseTransform):
    """Read ``<folder>/<img_id>.npz``: posteriors of the dense CRFs with a strong (la) and a weak (ha) background.

    Args:
        folder: Where the files lie.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def transform(self, results: dict) -> dict:
        """Add ``la_map`` and ``ha_map`` (float32 [L, H, W]) and ``label_keys`` (int64 [L]: 0, class ids + 1).

        Args:
            results: With ``img_id`` and ``img``.

        Returns:
            The results.

        Raises:
            FileNotFoundError: If the image has no such file.
            ValueError: If the file is damaged, or of another size than the image.
        """
        path = Path(self.folder) / f'{results["img_id"]}.npz'
        labels = read_soft_labels(path)
        require_image_size(labels.low.shape[1:], results, path)
        results.update(la_map=labels.low, ha_map=labels.high, label_keys=labels.keys)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(folder={self.folder!r})'
