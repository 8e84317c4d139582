"""AffinityNet: which neighbouring cells belong to the same thing."""

from mmdet.structures import OptSampleList, SampleList
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor

from wsod_mm.functional.pixel_pairs import border_of
from wsod_mm.registry import MODELS

from .affinity_head import AffinityHead
from .label_maps import stack_label_maps

__all__ = ['AffinityNet']


@MODELS.register_module()
class AffinityNet(BaseModel):
    """A backbone with several maps of one size and an :class:`AffinityHead`.

    Source: Ahn and Kwak, "Learning Pixel-level Semantic Affinity with Image-level Supervision", CVPR 2018.

    Args:
        backbone: Config of the backbone, such as ``dict(type='ResNet38')``; all of its maps are used.
        head: Config of the head.
        data_preprocessor: Config of the preprocessor. Pad to multiples of the backbone's stride, 8 in the paper.
        border: Pairs that :meth:`predict` returns, ``'full'`` or ``'reference'``; see
            :meth:`AffinityHead.affinities`.
        init_cfg: MMEngine initialisation.

    Raises:
        ValueError: ``border`` is unknown.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        border: str = 'full',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.border = border_of(border)
        self.backbone = MODELS.build(backbone)
        self.head: AffinityHead = MODELS.build(head)

    def forward(
        self, inputs: Tensor, data_samples: OptSampleList = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | SampleList | Tensor:
        """Dispatch as MMDetection's detectors do.

        Args:
            inputs: ``[N, 3, H, W]``, preprocessed.
            data_samples: One per image.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            Losses, data samples with ``pred_affinity``, or the embedding ``[N, C, h, w]``.

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
        """Losses of a batch of crops of one size.

        Args:
            inputs: ``[N, 3, H, W]``.
            data_samples: With ``gt_sem_seg.sem_seg [1, h, w]`` integers **on the backbone's grid**: 0 background,
                c + 1 class c (any number that tells the classes of an image apart), 255 unknown.

        Returns:
            ``loss_bg``, ``loss_fg``, ``loss_neg``.

        Raises:
            ValueError: There are no label maps, or they have another size than the grid.
        """
        return self.head.loss(self.head(self.backbone(inputs)), stack_label_maps(data_samples))

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Affinities of a batch.

        Args:
            inputs: ``[N, 3, H, W]``, images at the top left of it.
            data_samples: One per image, with ``img_shape``, or without when nothing is padded.

        Returns:
            The data samples, each with ``pred_affinity.affinity [P, h, w]`` float32 of the offsets of the head, where
            h and w are those of the cells that the image touches; 0 for a neighbour outside.
        """
        embedding = self.head(self.backbone(inputs))
        (height, width), (rows, columns) = inputs.shape[2:], embedding.shape[2:]
        for sample, each in zip(data_samples, embedding, strict=True):
            image = sample.metainfo.get('img_shape', (height, width))
            h, w = -(-image[0] * rows // height), -(-image[1] * columns // width)
            sample.pred_affinity = PixelData(affinity=self.head.affinities(each[:, :h, :w], self.border))
        return data_samples
