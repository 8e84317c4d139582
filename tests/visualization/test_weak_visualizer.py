"""Drawing: what is chosen, where the lines go, and the interface that MMDetection's hook uses."""

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from wsod_mm.registry import VISUALIZERS
from wsod_mm.visualization import class_colour, draw_boxes, select_for_display


def test_selection_is_relative():
    labels, scores = np.array([0, 0, 0, 0, 1, 2]), np.array([1e-3, 9e-4, 8e-4, 7e-4, 5e-4, 1e-5])
    assert select_for_display(labels, scores).tolist() == [0, 1, 2, 4]
    assert select_for_display(labels, scores * 1e-6).tolist() == [0, 1, 2, 4]
    assert select_for_display(labels, scores, top_k=1).tolist() == [0, 4]
    assert select_for_display(labels, scores, class_ratio=0).tolist() == [0, 1, 2, 4, 5]
    assert select_for_display(labels, scores, box_ratio=0.95).tolist() == [0, 4]
    assert select_for_display(labels, scores, max_total=2).tolist() == [0, 1]
    assert len(select_for_display(np.zeros(0), np.zeros(0))) == 0


def test_lines_lie_on_the_inclusive_border():
    image = np.full((400, 400, 3), 128, np.uint8)
    drawn = draw_boxes(image, [[100, 50, 199, 149]], [0])
    assert drawn.shape == image.shape
    assert (drawn[100, 102] == class_colour(0)).all() and (drawn[100, 197] == class_colour(0)).all()
    assert (drawn[100, 150] == 128).all() and (drawn[100, 98] == 128).all() and (drawn[100, 201] == 128).all()
    dashed = draw_boxes(image, [[100, 50, 199, 149]], [0], dashed=[True])
    assert (dashed != 128).any(-1).sum() < 0.8 * (drawn != 128).any(-1).sum()
    assert (draw_boxes(image, [[100, 50, 199, 149]], [0], ['cat']) != drawn).any()
    assert draw_boxes(image[:100, :80], np.zeros((0, 4)), []).shape == (400, 320, 3)


def test_colours_differ():
    assert len({class_colour(label) for label in range(80)}) == 80


@pytest.fixture
def sample():
    sample = DetDataSample()
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[10.0, 10, 60, 60]]), labels=torch.tensor([0]))
    sample.ignored_instances = InstanceData(bboxes=torch.tensor([[70.0, 70, 90, 90]]), labels=torch.tensor([1]))
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[12.0, 10, 60, 58]]), labels=torch.tensor([0]), scores=torch.tensor([1e-4])
    )
    return sample


def test_visualizer_shows_tiny_scores(sample, tmp_path):
    visualizer = VISUALIZERS.build({'type': 'WeakVisualizer', 'name': 'weak_test'})
    visualizer.dataset_meta = {'classes': ('cat', 'dog')}
    image = np.full((100, 120, 3), 90, np.uint8)
    out = tmp_path / 'x.png'
    # MMDetection's hook passes its own threshold of .3, which would hide everything
    visualizer.add_datasample('x', image, sample, out_file=str(out), pred_score_thr=0.3)
    drawn = cv2.imread(str(out))[..., ::-1]
    right = drawn[:, drawn.shape[1] // 2 + 10 :]
    assert (right == class_colour(0)).all(-1).sum() > 200
    visualizer.add_datasample('x', image, sample, draw_gt=False, out_file=str(out))
    assert cv2.imread(str(out)).shape[1] < drawn.shape[1]
    visualizer.add_datasample('x', image, None, out_file=str(out))
    assert cv2.imread(str(out)).shape == image.shape
