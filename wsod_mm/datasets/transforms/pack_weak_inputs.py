"""The last transform: what the model gets to see."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import BaseBoxes
from mmengine.structures import InstanceData, LabelData

from wsod_mm.registry import TRANSFORMS

from .proposal_check import check_proposals

__all__ = ['PackWeakInputs']


@TRANSFORMS.register_module()
class PackWeakInputs(BaseTransform):
    """Pack image, image labels and proposals; boxes only for the metrics, at test.

    The model input is ``inputs`` [3, H, W] (BGR, dtype of the image) and a ``DetDataSample`` with
    ``gt_label`` (``score`` float32 [C], multi-hot; ``weight`` float32 [C], 0 for classes to be
    ignored, only when there are such; in training the positive classes also as meta information
    ``image_labels``) and ``proposals`` (``bboxes`` float32 [R, 4] in network-input
    coordinates, ``scores`` float32 [R]) when they were loaded. In test mode ``gt_instances`` and
    ``ignored_instances`` (difficult) hold the boxes of the original image, straight from the
    dataset: they never pass through the pipeline, so they cannot leak into the proposals.

    Args:
        with_boxes: ``None``: in the test mode of our datasets. ``True`` also for datasets of
            others. ``False``: never.
        num_classes: C; our datasets say it themselves.
        check_proposals: Compare the proposals with the geometry of the image, see
            :func:`.proposal_check.check_proposals`.
        meta_keys: What else is packed, as meta information. ``homography_matrix`` maps original to
            network-input pixels.
    """

    META_KEYS = (
        'img_id',
        'img_path',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'flip',
        'flip_direction',
        'homography_matrix',
    )

    def __init__(
        self,
        with_boxes: bool | None = None,
        num_classes: int | None = None,
        check_proposals: bool = True,
        meta_keys: Sequence[str] = META_KEYS,
    ) -> None:
        self.with_boxes = with_boxes
        self.num_classes = num_classes
        self.check_proposals = check_proposals
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack.

        Args:
            results: End of the pipeline.

        Returns:
            ``inputs`` and ``data_samples``.

        Raises:
            ValueError: If labels are missing in training, boxes are asked for in training, or
                proposals were not transformed with the image.
        """
        test_mode = bool(results.get('test_mode'))
        if self.with_boxes and results.get('test_mode') is False:
            raise ValueError(
                'PackWeakInputs(with_boxes=True) in training would hand boxes to the model; '
                'remove it from the training pipeline'
            )
        sample = DetDataSample(metainfo={key: results[key] for key in self.meta_keys if key in results})
        label = self._label(results, test_mode)
        if label is not None:
            sample.gt_label = label
        if results.get('test_mode') is False:
            # the same on the host: miners that look at the classes in the image need not wait for the device
            sample.set_metainfo(dict(image_labels=list(results['image_labels'])))
        if results.get('proposals') is not None:
            sample.proposals = self._proposals(results)
        if (test_mode if self.with_boxes is None else self.with_boxes) and 'instances' in results:
            sample.gt_instances, sample.ignored_instances = _split(results['instances'])
        image = results['img'] if results['img'].ndim == 3 else results['img'][..., None]
        return dict(
            inputs=torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
            data_samples=sample,
        )

    def _label(self, results: dict, test_mode: bool) -> LabelData | None:
        positive = results.get('image_labels')
        num_classes = self.num_classes or results.get('num_classes')
        if positive is None or num_classes is None:
            if test_mode or self.with_boxes:
                return None
            raise ValueError(
                f'image {results.get("img_id")!r} ({results.get("img_path")}) comes without '
                'image_labels or num_classes; train on one of the Weak*Dataset classes, with '
                'labels'
            )
        score = torch.zeros(num_classes)
        score[positive] = 1
        label = LabelData(score=score)
        if results.get('ignore_labels'):
            label.weight = torch.ones(num_classes)
            label.weight[results['ignore_labels']] = 0
        return label

    def _proposals(self, results: dict) -> InstanceData:
        boxes = results['proposals']
        if isinstance(boxes, dict):
            raise ValueError(
                f'image {results.get("img_id")!r}: the proposals are as raw as in the file; add '
                'LoadWeakProposals to the pipeline'
            )
        array = boxes.tensor.numpy() if isinstance(boxes, BaseBoxes) else np.asarray(boxes)
        if self.check_proposals:
            check_proposals(results, array)
        data = InstanceData(bboxes=torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)))
        if 'proposals_scores' in results:
            data.scores = torch.from_numpy(np.ascontiguousarray(results['proposals_scores'], dtype=np.float32))
        return data

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(with_boxes={self.with_boxes}, num_classes={self.num_classes}, '
            f'check_proposals={self.check_proposals}, meta_keys={self.meta_keys})'
        )


def _split(instances: list[dict]) -> tuple[InstanceData, InstanceData]:
    """Objects that count and objects that the metrics ignore."""
    boxes = torch.tensor([i['bbox'] for i in instances], dtype=torch.float32).reshape(-1, 4)
    labels = torch.tensor([i['bbox_label'] for i in instances], dtype=torch.long)
    ignored = torch.tensor([bool(i.get('ignore_flag', 0)) for i in instances], dtype=torch.bool)
    return (
        InstanceData(bboxes=boxes[~ignored], labels=labels[~ignored]),
        InstanceData(bboxes=boxes[ignored], labels=labels[ignored]),
    )
