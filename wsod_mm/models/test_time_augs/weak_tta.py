"""Test-time augmentation that averages the scores of the same proposals."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseTTAModel

from wsod_mm.models.roi_heads.postprocess import detections_from_scores, top1_per_class
from wsod_mm.registry import MODELS

__all__ = ['WeakTTAModel']


@MODELS.register_module()
class WeakTTAModel(BaseTTAModel):
    """Average the class scores of every proposal over scales and flips, then threshold and NMS once.

    MMDetection's ``DetTTAModel`` pools the detections of all views instead, which lets the softmax over proposals of
    one view decide alone. Boxes that a regression moved are averaged as well. Source: test code of OICR and PCL (5
    scales x flip = 10 views).

    Args:
        tta_cfg: Replaces entries of the RoI head's ``test_cfg`` (``score_thr``, ``nms``, ``max_per_img``).
        **kwargs: ``module``, ``data_preprocessor``: see ``BaseTTAModel``.
    """

    def __init__(self, tta_cfg: dict | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.tta_cfg = dict(tta_cfg or {})
        self.module.roi_head.keep_proposal_scores = True

    def merge_preds(self, data_samples_list: list[Sequence[DetDataSample]]) -> list[DetDataSample]:
        """Merge the views of each image.

        Args:
            data_samples_list: For each image its views.

        Returns:
            One data sample per image, with ``pred_instances`` and ``top1_instances``.

        Raises:
            ValueError: If the views of an image do not hold the same proposals in the same order.
        """
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: Sequence[DetDataSample]) -> DetDataSample:
        merged = views[0]
        proposals = merged.proposal_instances.proposals
        for view in views[1:]:
            others = view.proposal_instances.proposals
            # a pixel of slack: boxes went through each view's resize and back
            if others.shape != proposals.shape or (proposals.numel() and (others - proposals).abs().max() > 1):
                raise ValueError(
                    f'the views of {merged.metainfo.get("img_path")} hold different proposals; load and filter them '
                    'before TestTimeAug, and wrap Resize and RandomFlip in ProposalBroadcaster'
                )
        scores = torch.stack([view.proposal_instances.scores for view in views]).mean(dim=0)
        boxes = proposals
        if self.module.roi_head.moves_boxes:  # regression and jitter differ from view to view
            boxes = torch.stack([view.proposal_instances.bboxes for view in views]).mean(dim=0)
        cfg = {**dict(self.module.roi_head.test_cfg or {}), **self.tta_cfg}
        merged.pred_instances = detections_from_scores(boxes, scores, cfg)
        merged.top1_instances = top1_per_class(boxes, scores)
        del merged.proposal_instances
        return merged
