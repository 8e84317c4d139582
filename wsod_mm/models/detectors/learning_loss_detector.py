"""Detector that learns to predict its own loss."""

import sys

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import SingleStageDetector
from mmdet.models.utils import unpack_gt_instances
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from mmengine.dist import get_world_size
from mmengine.logging import MessageHub
from torch import Tensor

from wsod_mm.registry import MODELS

__all__ = ['LearningLossDetector']


@MODELS.register_module()
class LearningLossDetector(SingleStageDetector):
    """A single-stage detector with a loss prediction module (Yoo & Kweon, CVPR 2019).

    In training, the detection loss of each image is the target of the module. It is computed from the outputs that the
    batch has anyway, by the head's own ``loss_by_feat`` for one image at a time: so it is divided by the number of
    positives of that image, and the batch's losses stay those of a detector without the module.

    The module's gradient reaches the features until ``stop_grad_epoch``, and only its own layers from then on. How far
    the training is says MMEngine's ``RuntimeInfoHook`` (a default hook); without a runner it has just begun.

    Args:
        loss_head: Config of a :class:`~wsod_mm.models.dense_heads.LossPredictionHead`.
        stop_grad_epoch: When to cut the gradient. A whole number: from this epoch on, counted from 0. A float in
            [0, 1]: after this share of all iterations. ``None``: never. The default is the paper's share in image
            classification, 120 of 200 epochs.
        **kwargs: See ``mmdet.models.detectors.SingleStageDetector``.

    Raises:
        ValueError: For a ``stop_grad_epoch`` out of range, or a head with a training of its own, for which there is no
            loss per image.
    """

    def __init__(self, *args, loss_head: dict, stop_grad_epoch: int | float | None = 0.6, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        whole = isinstance(stop_grad_epoch, int) and not isinstance(stop_grad_epoch, bool) and stop_grad_epoch >= 0
        share = isinstance(stop_grad_epoch, float) and 0 <= stop_grad_epoch <= 1
        if not (stop_grad_epoch is None or whole or share):
            raise ValueError(
                'stop_grad_epoch must be an epoch (a whole number >= 0), a share of the training (a float in [0, 1]) '
                f'or None, got {stop_grad_epoch!r}'
            )
        head = type(self.bbox_head)
        if getattr(head, 'loss', None) is not BaseDenseHead.loss:
            raise ValueError(
                f'{head.__name__} has a loss() of its own, so there is no loss per image: '
                'use a head that has only a loss_by_feat() of its own, for instance RetinaHead'
            )
        self.loss_head = MODELS.build(loss_head)
        self.stop_grad_epoch = stop_grad_epoch

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict:
        """Losses of a batch.

        Args:
            batch_inputs: ``[B, 3, H, W]``.
            batch_data_samples: B samples with ``gt_instances``.

        Returns:
            The losses of the head, and ``loss_pred``.

        Raises:
            ValueError: See :meth:`image_losses`.
        """
        x = self.extract_feat(batch_inputs)
        outs = self.bbox_head(x)
        truth = unpack_gt_instances(batch_data_samples)
        instances, ignored, metas = truth
        losses = self.bbox_head.loss_by_feat(*outs, instances, metas, ignored)
        target = self.image_losses(outs, *truth)
        features = [level.detach() for level in x] if self.stops_gradient() else x
        return {**losses, **self.loss_head.loss(features, target)}

    @torch.no_grad()
    def image_losses(
        self, outs: tuple, instances: InstanceList, ignored: InstanceList | list[None], metas: list[dict]
    ) -> Tensor:
        """Detection loss of each image of a batch.

        Args:
            outs: Outputs of the head.
            instances: Per image ``bboxes`` and ``labels``.
            ignored: Per image ``bboxes`` to be ignored, or ``None``.
            metas: Per image its meta information.

        Returns:
            ``[B]`` float without gradient.

        Raises:
            ValueError: In distributed training, for a head that averages its normaliser over the processes, because
                then the loss of an image depends on images elsewhere.
        """
        # mmdet's heads take the function from their module
        if get_world_size() > 1 and any(hasattr(sys.modules[c.__module__], 'reduce_mean') for c in self._bases()):
            raise ValueError(
                f'{type(self.bbox_head).__name__} averages its normaliser over all processes, so there is no loss per '
                'image: train on one GPU, or use a head that does not, for instance RetinaHead or SSDHead'
            )
        values = []
        for i, meta in enumerate(metas):
            losses = self.bbox_head.loss_by_feat(*_take(outs, i), [instances[i]], [meta], [ignored[i]])
            values.append(self.parse_losses(losses)[0])
        return torch.stack(values)

    def stops_gradient(self) -> bool:
        """Whether the module's gradient is cut now."""
        hub = MessageHub.get_current_instance()
        # what a finished training left there is not to be taken for the present one
        if self.stop_grad_epoch is None or hub.get_info('loop_stage') != 'train':
            return False
        if isinstance(self.stop_grad_epoch, int):
            return hub.get_info('epoch') >= self.stop_grad_epoch
        # iterations and not epochs: loops without epochs have them too
        return hub.get_info('iter') >= self.stop_grad_epoch * hub.get_info('max_iters')

    @torch.no_grad()
    def predict_loss(self, batch_inputs: Tensor) -> Tensor:
        """Predicted losses of images. Set the model to ``eval()`` before.

        Args:
            batch_inputs: ``[B, 3, H, W]``; images of one shape, for padding counts.

        Returns:
            ``[B]`` float32 without gradient.
        """
        return self.loss_head(self.extract_feat(batch_inputs))

    def _bases(self) -> tuple[type, ...]:
        return type(self.bbox_head).__mro__


def _take(outs: object, i: int) -> object:
    """Image i of the outputs of a head, as a batch of one."""
    if isinstance(outs, Tensor):
        return outs[i : i + 1]
    if isinstance(outs, (list, tuple)):
        return type(outs)(_take(out, i) for out in outs)
    return outs
