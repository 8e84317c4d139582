"""IRN: boundaries between classes and displacements towards the centres of instances, from image labels."""

from collections.abc import Iterable

import torch
from mmdet.structures import OptSampleList, SampleList
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor
from torch.nn import functional as F

from wsod_mm.functional.affinity_losses import mean_displacement
from wsod_mm.registry import MODELS

from .irn_head import IRNHead
from .label_maps import stack_label_maps

__all__ = ['IRNet']


@MODELS.register_module()
class IRNet(BaseModel):
    """A backbone and an :class:`IRNHead`.

    Source: Ahn, Cho and Kwak, "Weakly Supervised Learning of Instance Segmentation with Inter-pixel Relations", CVPR
    2019, and the public code.

    Args:
        backbone: Config of the backbone, ``dict(type='ResNetWithStem', depth=50, strides=(1, 2, 2, 1),
            frozen_stages=4, norm_eval=True)`` in the paper: nothing of it is trained.
        head: Config of the head.
        data_preprocessor: Config of the preprocessor. With ``pad_seg=True`` and ``seg_pad_value=255`` label maps are
            padded like the images.
        crop_size: In :meth:`predict`, images are padded with zeros to at least this many pixels per side, as they were
            in training. A side that is longer is padded to the next multiple of ``size_divisor``. (The public code
            cuts it off.)
        size_divisor: See there; the largest stride of the backbone.
        init_cfg: MMEngine initialisation.

    Raises:
        ValueError: A size below 1.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        crop_size: int = 512,
        size_divisor: int = 16,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if crop_size < 1 or size_divisor < 1:
            raise ValueError(f'crop_size={crop_size!r}, size_divisor={size_divisor!r}: must be at least 1 pixel')
        self.crop_size = crop_size
        self.size_divisor = size_divisor
        self.backbone = MODELS.build(backbone)
        self.head: IRNHead = MODELS.build(head)

    def forward(
        self, inputs: Tensor, data_samples: OptSampleList = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | SampleList | tuple[Tensor, Tensor]:
        """Dispatch as MMDetection's detectors do.

        Args:
            inputs: ``[N, 3, H, W]``, preprocessed.
            data_samples: One per image.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            Losses, data samples with ``pred_boundary`` and ``pred_displacement``, or the head's two maps.

        Raises:
            ValueError: ``mode`` is unknown.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.head(self.backbone(inputs))
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            inputs: ``[N, 3, H, W]``, H and W multiples of the head's stride.
            data_samples: With ``gt_sem_seg.sem_seg [1, H, W]`` integers, in pixels: 0 background, c + 1 class c, 255
                unknown.

        Returns:
            See :meth:`IRNHead.loss`.

        Raises:
            ValueError: There are no label maps, or they have another size than their images.
        """
        return self.head.loss(*self.head(self.backbone(inputs)), stack_label_maps(data_samples))

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Boundaries and displacements of images, one after another.

        Args:
            inputs: ``[N, 3, H, W]``, images at the top left of it.
            data_samples: One per image, with ``img_shape``, or without when nothing is padded.

        Returns:
            The data samples, each with ``pred_boundary.boundary [1, h, w]`` and ``pred_displacement.displacement
            [2, h, w]``; see :meth:`boundary_and_displacement`.
        """
        for image, sample in zip(inputs, data_samples, strict=True):
            height, width = sample.metainfo.get('img_shape', image.shape[1:])[:2]
            boundary, displacement = self.boundary_and_displacement(image[:, :height, :width])
            sample.pred_boundary = PixelData(boundary=boundary)
            sample.pred_displacement = PixelData(displacement=displacement)
        return data_samples

    def boundary_and_displacement(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Boundaries of an image and its mirror image, and displacements of the image.

        Source: public code. The mirror image is padded at the right as well, so that its cells lie up to 3 pixels off
        those of the image where the width minus 1 is no multiple of 4.

        Args:
            image: ``[3, H, W]``, normalised.

        Returns:
            Probability of a boundary ``[1, h, w]`` (the sigmoid of the mean logit) and displacements ``[2, h, w]``
            (dy, dx) in cells, float32, h = ceil(H / stride), w = ceil(W / stride).
        """
        height, width = image.shape[1:]
        pair = torch.stack([image, image.flip(-1)])
        edge, displacement = self.head(self.backbone(F.pad(pair, self._padding(height, width))))
        rows, columns = -(-height // self.head.stride), -(-width // self.head.stride)
        edge = edge[..., :rows, :columns].float()
        boundary = (edge[0] / 2 + edge[1].flip(-1) / 2).sigmoid()
        return boundary, displacement[0, :, :rows, :columns].float()

    @torch.no_grad()
    def estimate_mean_shift(self, batches: Iterable[Tensor]) -> Tensor:
        """Take the mean displacement, and subtract it from now on in evaluation.

        Source: public code, which does so after training, on crops of the training images.

        Args:
            batches: ``[N, 3, H, W]`` each, preprocessed, on the model's device.

        Returns:
            The mean ``[2]`` float32 (dy, dx) in cells.

        Raises:
            ValueError: There is no batch.
        """
        training = self.training
        stored = self.head.mean_shift.running_mean
        stored.zero_()
        self.eval()
        try:
            mean = mean_displacement(self.head(self.backbone(batch))[1] for batch in batches)
        finally:
            self.train(training)
        return stored.copy_(mean)

    def _padding(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Zeros to add at the left, right, top and bottom."""
        divisor = self.size_divisor
        longer = [side if side <= self.crop_size else -(-side // divisor) * divisor for side in (height, width)]
        rows, columns = (max(self.crop_size, side) for side in longer)
        return 0, columns - width, 0, rows - height
