"""CutMix for batches of training images with image labels."""

import torch
from mmdet.structures import SampleList
from torch import Tensor, nn

from wsod_mm.functional.cutmix import cutmix_box, cutmix_images, cutmix_targets, pasted_share
from wsod_mm.registry import MODELS

__all__ = ['CutMix']


@MODELS.register_module()
class CutMix(nn.Module):
    """Paste a box of another image of the batch, and share the image label between both.

    ``gt_label.score`` becomes ``lam * own + (1 - lam) * other``. With a loss that is linear in the target, as the
    losses of ``GAPClsHead``, that is CutMix's sum of two losses.

    Source: Yun et al., "CutMix"; specs/cam.md 5. wsolevaluation keeps the share that was drawn when the box is clipped
    at a border; the original takes what was really pasted.

    Args:
        alpha: Of the symmetric beta distribution of the share.
        prob: Of a batch to be mixed.
        clipped_share: The original's share instead of the drawn one.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, alpha: float = 1.0, prob: float = 1.0, clipped_share: bool = False) -> None:
        super().__init__()
        if not alpha > 0 or not 0 <= prob <= 1:
            raise ValueError(f'alpha={alpha} must be above 0 and prob={prob} in [0, 1]')
        self.alpha = alpha
        self.prob = prob
        self.clipped_share = clipped_share

    def forward(self, inputs: Tensor, data_samples: SampleList) -> tuple[Tensor, SampleList]:
        """Mix a batch; everything is drawn on the host, which nothing waits for.

        Args:
            inputs: ``[N, C, H, W]`` float.
            data_samples: One per image with ``gt_label.score [K]`` and, optionally, ``gt_label.weight [K]`` (a class
                counts where it does in both images).

        Returns:
            New images, and the data samples with new ``gt_label``.

        Raises:
            ValueError: A sample has no ``gt_label.score``, or images are padded.
        """
        if self.prob < 1 and float(torch.rand(())) >= self.prob:
            return inputs, data_samples
        height, width = inputs.shape[2:]
        for sample in data_samples:
            if 'gt_label' not in sample or 'score' not in sample.gt_label:
                raise ValueError(
                    'CutMix needs gt_label.score of every image; see the transforms that pack image labels'
                )
            shape = tuple(sample.metainfo.get('img_shape', (height, width))[:2])
            if shape != (height, width):
                raise ValueError(
                    f'CutMix needs images of one size: {shape} was padded to {(height, width)}; '
                    'crop or resize all to one size'
                )
        lam = float(torch.distributions.Beta(self.alpha, self.alpha).sample())
        centre = tuple(int(torch.randint(side, ())) for side in (height, width))
        order = torch.randperm(len(inputs))
        box = cutmix_box((height, width), lam, centre)
        if self.clipped_share:
            lam = pasted_share(box, (height, width))
        labels = [sample.gt_label for sample in data_samples]
        scores = cutmix_targets(torch.stack([label.score.float() for label in labels]), order, lam)
        for sample, label, score, other in zip(data_samples, labels, scores, order.tolist(), strict=True):
            mixed = label.clone()
            mixed.score = score
            if 'weight' in label and 'weight' in labels[other]:
                mixed.weight = torch.minimum(label.weight, labels[other].weight)
            sample.gt_label = mixed
        return cutmix_images(inputs, order, box), data_samples
