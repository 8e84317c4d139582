"""Views of the same images: scales from the data loader, flips and colours made on the device."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmdet.structures import DetDataSample
from torch import Tensor

from wsod_mm.datasets.transforms import SSDPhotometricDistortion
from wsod_mm.functional.boxes import flip_boxes_inclusive
from wsod_mm.functional.photometric_tensor import photometric_distortion_tensor
from wsod_mm.registry import MODELS
from wsod_mm.utils.progress import current_iter

__all__ = ['MultiViewDataPreprocessor', 'flip_sample']


@MODELS.register_module()
class MultiViewDataPreprocessor(DetDataPreprocessor):
    """MMDetection's preprocessor for batches in which every image comes at several scales.

    Such batches come from the transform ``WeakViews``. Each scale is one group, which is (in training, from
    ``start_iter`` on) distorted in colour, doubled by mirrored copies, and then normalised and padded by the parent,
    once. Batches of single images, as in testing, are left to the parent altogether.

    Args:
        flip: Append the mirrored copy of every image to its group.
        photometric: ``None`` for no distortion, or a dict with ``start_iter`` (first iteration, 0-based and counted
            in forward passes, at which colours change; default 45000) and the arguments of
            ``SSDPhotometricDistortion`` with its defaults: ``brightness_delta=32``, ``contrast_range=(0.5, 1.5)``,
            ``saturation_range=(0.5, 1.5)``, ``hue_delta=18``, ``prob=0.5``. Each image draws anew at each scale; a
            view and its mirrored copy share the draw.
        **kwargs: ``mean``, ``std``, ``pad_size_divisor``, ...: see ``mmdet.models.DetDataPreprocessor``.

    Raises:
        ValueError: If an option of ``photometric`` makes no sense, or the images come in RGB.

    Source: specs, CASD section 2 ("Colour aug", "Image prep") and section 11, items 10 and 11. In the public code the
        mean is subtracted twice from mirrored views once colours change, and x' = W - x in training.
    """

    def __init__(self, flip: bool = True, photometric: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.flip = flip
        options = dict(photometric or {})
        self.start_iter = options.pop('start_iter', 45000)
        # holds and checks the ranges; the draws below are torch's, which are seeded per iteration and rank
        self.photometric = None if photometric is None else SSDPhotometricDistortion(**options)
        if self.photometric is not None and kwargs.get('rgb_to_bgr'):
            raise ValueError('the photometric distortion takes BGR images, but rgb_to_bgr=True says that RGB comes in')

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make the model's input.

        Args:
            data: ``inputs`` and ``data_samples`` of a batch of N images. Views: S groups of N tensors
                ``[3, H, W]`` (BGR, 0-255, before normalisation) and of N ``DetDataSample``. Single images: as for the
                parent. Not changed, though labels are shared with the result.
            training: Whether colours may change.

        Returns:
            For views ``inputs``: S tensors ``[(1 + flip) * N, 3, H_s, W_s]``, each group padded to its own size;
            ``data_samples``: S lists of ``(1 + flip) * N`` samples; in both all images as they are, then all mirrored
            ones. The meta information ``flip`` tells which is which. ``proposals`` are mirrored with the image
            (x' = W - 1 - x, W without padding); ``gt_instances`` are not, they lie in the original image. For
            single images: what the parent returns.

        Raises:
            ValueError: If the groups do not fit each other, an image cannot be mirrored, or training gets single images
                though there is something to do for views.
        """
        inputs, samples = data['inputs'], data.get('data_samples')
        if not (isinstance(inputs, Sequence) and inputs and isinstance(inputs[0], Sequence)):
            if training and (self.flip or self.photometric is not None):
                raise ValueError(
                    'flip and photometric of MultiViewDataPreprocessor need images at several scales; end the training '
                    'pipeline with the transform WeakViews, or use DetDataPreprocessor'
                )
            return super().forward(data, training)
        sizes = [len(group) for group in inputs]
        if len(set(sizes)) != 1 or [len(group) for group in samples or []] != sizes:
            raise ValueError(
                'every scale needs the same number of images and of data samples, got '
                f'{sizes} images and {[len(group) for group in samples or []]} data samples; make the views with the '
                'transform WeakViews'
            )
        out: dict[str, list] = dict(inputs=[], data_samples=[])
        for group in zip(inputs, samples, strict=True):
            ready = super().forward(self._views(*group, training), training)
            for key, values in out.items():
                values.append(ready[key])
        return out

    def _views(self, images: Sequence[Tensor], samples: Sequence[DetDataSample], training: bool) -> dict:
        """One group on the device, distorted and doubled, not yet normalised."""
        images, samples = self.cast_data(list(images)), self.cast_data(list(samples))  # new samples, which may change
        for sample in samples:
            if 'flip' not in sample:
                sample.set_metainfo(dict(flip=False, flip_direction=None))
        if training and self._distorts_now():
            images = [photometric_distortion_tensor(image.float(), **self._draw()) for image in images]
        if self.flip:
            samples = samples + [flip_sample(s, i.shape[-1]) for s, i in zip(samples, images, strict=True)]
            images = images + [image.flip(-1) for image in images]
        return dict(inputs=images, data_samples=samples)

    def _distorts_now(self) -> bool:
        if self.photometric is None:
            return False
        return current_iter() >= self.start_iter

    def _draw(self) -> dict:
        """Strengths for one image, from torch's CPU generator."""
        ranges = self.photometric
        uniform = torch.rand(8, device='cpu').tolist()
        on = [value < ranges.prob for value in uniform[:4]]

        def between(low: float, high: float, value: float) -> float:
            return low + (high - low) * value

        delta, hue = ranges.brightness_delta, ranges.hue_delta
        return dict(
            brightness=between(-delta, delta, uniform[4]) if on[0] else 0.0,
            contrast=between(*ranges.contrast_range, uniform[5]) if on[1] else 1.0,
            saturation=between(*ranges.saturation_range, uniform[6]) if on[2] else 1.0,
            hue=between(-hue, hue, uniform[7]) if on[3] else 0.0,
        )


def flip_sample(sample: DetDataSample, width: int) -> DetDataSample:
    """The data sample of the mirrored image.

    Args:
        sample: With or without ``proposals``, in network-input pixels; not changed.
        width: Width W of the image without padding, pixels.

    Returns:
        A copy with x' = W - 1 - x in ``proposals.bboxes`` and ``homography_matrix``, and ``flip`` turned over: the
        mirror image of an image that the pipeline had flipped is not flipped. Everything else is shared.

    Raises:
        ValueError: If ``img_shape`` contradicts the width, or the image was flipped in another direction.
    """
    meta = sample.metainfo
    name = f'image {meta.get("img_id")!r} ({meta.get("img_path")})'
    if 'img_shape' in meta and meta['img_shape'][1] != width:
        raise ValueError(f'{name} is {width} pixels wide, but img_shape={meta["img_shape"]} (height, width)')
    was_flipped = bool(meta.get('flip'))
    if was_flipped and meta.get('flip_direction') != 'horizontal':
        raise ValueError(
            f'{name} was flipped in direction {meta.get("flip_direction")!r}; only horizontally is possible'
        )
    mirrored = sample.new()
    mirrored.set_metainfo(dict(flip=not was_flipped, flip_direction=None if was_flipped else 'horizontal'))
    matrix = meta.get('homography_matrix')
    if matrix is not None:
        matrix = np.asarray(matrix)
        mirror = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], matrix.dtype)
        mirrored.set_metainfo(dict(homography_matrix=mirror @ matrix))
    if 'proposals' in sample:
        mirrored.proposals = sample.proposals.new()
        mirrored.proposals.bboxes = flip_boxes_inclusive(sample.proposals.bboxes, width)
    return mirrored
