"""Fast R-CNN that is trained on several views of each image."""

from mmdet.models.detectors import FastRCNN
from mmdet.structures import SampleList
from torch import Tensor

from wsod_mm.functional.gradients import gradient_norms, gradient_shares
from wsod_mm.models.roi_heads.views import view_group
from wsod_mm.registry import MODELS
from wsod_mm.utils.progress import current_iter

__all__ = ['MultiViewFastRCNN']


@MODELS.register_module()
class MultiViewFastRCNN(FastRCNN):
    """The detector of CASD: scales and flips of an image with the same proposals go through one step.

    Views come from the transform ``WeakViews`` (scales) and ``MultiViewDataPreprocessor`` (flips). Views of one scale
    are one batch of the body; views of different scales are not padded to each other. With a plain batch of images,
    and in testing, it is MMDetection's ``FastRCNN``.

    Args:
        grad_share: Log which share of the gradient each loss has: ``dict(interval=100, part='backbone')``. Every
            ``interval`` iterations the gradient norm of each loss with respect to the trainable parameters of ``part``
            (a dotted name of a sub-module, ``''`` for the whole model) is divided by the sum over the losses. It costs
            a backward pass per loss then. ``None``: off.
        **kwargs: See ``mmdet.models.detectors.FastRCNN``.

    Raises:
        ValueError: If ``grad_share`` has another entry, or an interval below 1.
    """

    def __init__(self, *args, grad_share: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.grad_share = None
        if grad_share is not None:
            self.grad_share = dict(interval=100, part='backbone') | dict(grad_share)
            if set(self.grad_share) != {'interval', 'part'} or self.grad_share['interval'] < 1:
                raise ValueError(f'grad_share takes a positive interval and a part, got {dict(grad_share)}')

    def loss(self, batch_inputs: Tensor | list[Tensor], batch_data_samples: SampleList | list[SampleList]) -> dict:
        """Losses of a batch.

        Args:
            batch_inputs: ``[N, 3, H, W]``, or per scale ``[F * N, 3, H_s, W_s]`` with the F views of N images.
            batch_data_samples: N samples, or per scale F * N.

        Returns:
            See :meth:`wsod_mm.models.roi_heads.WeakRoIHead.loss_views`; and ``grad_share_*`` when it is their turn.
        """
        if isinstance(batch_inputs, Tensor):
            losses = super().loss(batch_inputs, batch_data_samples)
        else:
            groups = [
                view_group(self.extract_feat(inputs), samples)
                for inputs, samples in zip(batch_inputs, batch_data_samples, strict=True)
            ]
            # the first N entries of a group are the images, the others their mirrored copies
            number = len(batch_data_samples[0]) // (2 if self.data_preprocessor.flip else 1)
            losses = self.roi_head.loss_views(groups, batch_data_samples[0][:number])
        if self.grad_share is not None and current_iter() % self.grad_share['interval'] == 0:
            losses.update(self._gradient_shares(losses))
        return losses

    def _gradient_shares(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        part = self.get_submodule(self.grad_share['part'])
        parameters = [parameter for parameter in part.parameters() if parameter.requires_grad]
        if not parameters:
            raise ValueError(f'grad_share: {self.grad_share["part"]!r} has no trainable parameter; name another part')
        parts = {name: value for name, value in losses.items() if 'loss' in name}
        shares = gradient_shares(gradient_norms(parts, parameters))
        # names without "loss", so that they are logged and not added to the total
        return {'grad_share_' + name.replace('loss_', ''): share for name, share in shares.items()}
