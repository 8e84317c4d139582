"""Pictures of ground truth and detections, chosen by rank instead of by a threshold."""

from typing import Any

import mmcv
import numpy as np
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import master_only

from wsod_mm.registry import VISUALIZERS

from .drawing import draw_boxes, side_by_side
from .selection import select_for_display

__all__ = ['WeakVisualizer']


@VISUALIZERS.register_module()
class WeakVisualizer(DetLocalVisualizer):
    """MMDetection's visualizer for detectors whose scores are tiny.

    ``--show-dir`` of the tools and ``DetVisualizationHook`` work with it as with MMDetection's. The objects are drawn
    on the left (difficult ones dashed), the detections on the right.

    Args:
        name: Name of the instance.
        top_k: At most that many boxes of a class.
        class_ratio: A class is shown when its best box scores at least this share of the image's best.
        box_ratio: A box is shown when it scores at least this share of its class's best.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(
        self, name: str = 'visualizer', top_k: int = 3, class_ratio: float = 0.2, box_ratio: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self.top_k = top_k
        self.class_ratio = class_ratio
        self.box_ratio = box_ratio

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: DetDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        pred_score_thr: float = 0.3,
        step: int = 0,
    ) -> None:
        """Draw one image and hand it to the backends, to ``out_file`` or to a window.

        Args:
            name: What the backends call it.
            image: ``[H, W, 3]`` uint8 RGB, original size.
            data_sample: ``gt_instances``, ``ignored_instances`` and ``pred_instances`` in pixels of the image.
            draw_gt: Whether to draw the objects.
            draw_pred: Whether to draw the detections.
            show: Open a window instead of saving.
            wait_time: Seconds that the window stays.
            out_file: Save there instead of handing over to the backends.
            pred_score_thr: Kept for MMDetection's callers and not used: see ``select_for_display``.
            step: Step for the backends.
        """
        image = image.clip(0, 255).astype(np.uint8)
        sample = data_sample.cpu() if data_sample is not None else DetDataSample()
        panels, titles = [], []
        if draw_gt and 'gt_instances' in sample:
            panels.append(self._draw_truth(image, sample))
            titles.append('ground truth')
        if draw_pred and 'pred_instances' in sample:
            panels.append(self._draw_detections(image, sample))
            titles.append('detections')
        drawn = side_by_side(panels, titles) if panels else image
        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(np.ascontiguousarray(drawn[..., ::-1]), out_file)
        else:
            self.add_image(name, drawn, step)

    def _names(self, labels: np.ndarray) -> list[str]:
        classes = (self.dataset_meta or {}).get('classes')
        return [str(classes[label]) if classes else f'class {label}' for label in labels]

    def _draw_truth(self, image: np.ndarray, sample: DetDataSample) -> np.ndarray:
        parts = [sample.gt_instances, *([sample.ignored_instances] if 'ignored_instances' in sample else [])]
        labels = np.concatenate([np.asarray(part.labels) for part in parts])
        boxes = np.concatenate(
            [np.asarray(getattr(part.bboxes, 'tensor', part.bboxes)).reshape(-1, 4) for part in parts]
        )
        difficult = np.repeat([False, True][: len(parts)], [len(part.labels) for part in parts])
        texts = [
            f'{text} (difficult)' if hard else text for text, hard in zip(self._names(labels), difficult, strict=True)
        ]
        return draw_boxes(image, boxes, labels, texts, difficult)

    def _draw_detections(self, image: np.ndarray, sample: DetDataSample) -> np.ndarray:
        found = sample.pred_instances
        labels, scores = np.asarray(found.labels), np.asarray(found.scores)
        rows = select_for_display(labels, scores, self.top_k, self.class_ratio, self.box_ratio)
        texts = [f'{text} {score:.2g}' for text, score in zip(self._names(labels[rows]), scores[rows], strict=True)]
        return draw_boxes(image, np.asarray(found.bboxes)[rows], labels[rows], texts)
