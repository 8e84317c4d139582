"""Image classifier: the pre-training rung where no ImageNet weights can be had."""

import torch
from mmdet.structures import OptSampleList, SampleList
from mmengine.model import BaseModel
from mmengine.structures import LabelData
from torch import Tensor

from wsod_mm.registry import MODELS

__all__ = ['ImageClassifier', 'valid_cells']


@MODELS.register_module()
class ImageClassifier(BaseModel):
    """Any MMDetection backbone with a classification head, trained from image labels.

    The backbone's weights are called ``backbone.*`` as in detectors, so that a detector with the
    same backbone takes a checkpoint of this model by ``load_from``.

    Args:
        backbone: Config of the backbone; its last feature map is used.
        head: Config of the head, such as ``dict(type='GAPClsHead', ...)``.
        data_preprocessor: Config of the preprocessor, such as ``dict(type='DetDataPreprocessor',
            ...)``.
        init_cfg: MMEngine initialisation.
        train_cfg: Accepted for the base configs of detectors; must be empty.
        test_cfg: Likewise.

    Raises:
        ValueError: ``train_cfg`` or ``test_cfg`` holds settings.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        if train_cfg or test_cfg:
            raise ValueError('ImageClassifier has no train_cfg or test_cfg; configure its head')
        if isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)

    def forward(
        self, inputs: Tensor, data_samples: OptSampleList = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | SampleList | Tensor:
        """Dispatch as MMDetection's detectors do.

        Args:
            inputs: ``[N, 3, H, W]``, preprocessed.
            data_samples: One per image.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            Losses, data samples with ``pred_label``, or logits.

        Raises:
            ValueError: ``mode`` is unknown.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self._forward(inputs, data_samples)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of a batch.

        Args:
            inputs: ``[N, 3, H, W]``.
            data_samples: With ``gt_label.score [C]`` (multi-hot) and, optionally, ``gt_label.weight
                [C]`` (0: the class does not count in this image).

        Returns:
            ``loss_cls``.

        Raises:
            ValueError: Labels and head have different numbers of classes.
        """
        logits = self._forward(inputs, data_samples)
        labels = [sample.gt_label for sample in data_samples]
        target = torch.stack([label.score for label in labels])
        if target.shape != logits.shape:
            raise ValueError(
                f'the data set labels {target.size(1)} classes, the head was configured with '
                f'num_classes={logits.size(1)}'
            )
        weight = None
        if any('weight' in label for label in labels):
            weight = torch.stack([label.get('weight', torch.ones_like(label.score)) for label in labels])
        return self.head.loss(logits, target, weight)

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Scores of a batch.

        Args:
            inputs: ``[N, 3, H, W]``.
            data_samples: One per image.

        Returns:
            The data samples, each with ``pred_label.score [C]``.
        """
        scores = self.head.scores(self._forward(inputs, data_samples))
        for sample, score in zip(data_samples, scores, strict=True):
            sample.pred_label = LabelData(score=score)
        return data_samples

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the backbone."""
        return self.backbone(inputs)

    def class_activation_maps(self, inputs: Tensor) -> Tensor:
        """Raw class activation maps of a batch, as the head activates them.

        Args:
            inputs: ``[N, 3, H, W]``, preprocessed.

        Returns:
            ``[N, C, h, w]`` float, at least 0, on the grid of the backbone's last map.
        """
        return self.head.activation_maps(self.extract_feat(inputs)[-1])

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None) -> Tensor:
        """Logits ``[N, C]``."""
        feature = self.extract_feat(inputs)[-1]
        return self.head(feature, valid_cells(feature, inputs, data_samples))


def valid_cells(feature: Tensor, inputs: Tensor, data_samples: OptSampleList) -> Tensor | None:
    """``[N, h, w]`` float32: 1 for cells that begin inside the image; ``None`` when no image is
    padded."""
    height, width = inputs.shape[-2:]
    shapes = [tuple(s.metainfo.get('img_shape', (height, width))[:2]) for s in data_samples or []]
    if all(shape == (height, width) for shape in shapes):
        return None
    rows, cols = feature.shape[-2:]
    # cell i begins at pixel i * H / h; compared in whole numbers
    y, x = torch.arange(rows) * height, torch.arange(cols) * width
    valid = torch.stack([(y < h * rows)[:, None] & (x < w * cols)[None] for h, w in shapes])
    return valid.to(feature.device, torch.float32, non_blocking=True)
