"""The score of a class."""

from operator import index

from torch import Tensor

from .raw_detections import RawDetections

__all__ = ['ClassTarget']


class ClassTarget:
    """Score of a class before the softmax: of a classifier, of a detector (see ``RawDetections.class_score``), or
    summed over the pixels of a segmentation.

    Args:
        category: 0-based class.
    """

    def __init__(self, category: int) -> None:
        self.category = index(category)

    def __call__(self, output: Tensor | RawDetections) -> Tensor:
        """The score.

        Args:
            output: ``[K]``, ``[K, h, w]`` or raw detections.

        Returns:
            0-d.

        Raises:
            ValueError: There is no such class.
        """
        if isinstance(output, RawDetections):
            return output.class_score(self.category)
        if not 0 <= self.category < len(output):
            raise ValueError(f'class {self.category}: the model has classes 0 to {len(output) - 1}')
        return output[self.category].sum()

    def __repr__(self) -> str:
        return f'ClassTarget({self.category})'
