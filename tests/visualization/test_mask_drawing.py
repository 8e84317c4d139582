"""Drawing of masks: which pixels change, into which colours, and where names are written."""

import numpy as np
import pytest

from wsod_mm.utils.label_png import voc_palette
from wsod_mm.visualization import class_colour, draw_boundary, draw_heat_map, draw_instances, draw_label_map

GREY = np.full((60, 80, 3), 120, np.uint8)


def test_heat_hides_only_what_is_hot():
    heat = np.zeros((60, 80), np.float32)
    heat[:, 40:], heat[:, 60:] = 0.5, 1.0
    drawn = draw_heat_map(GREY, heat)
    assert (drawn[:, :40] == 120).all() and drawn.dtype == np.uint8
    change = np.abs(drawn.astype(int) - 120).sum(-1)
    assert (change[:, 40:] > 0).all()
    assert drawn[0, 70, 0] > drawn[0, 70, 2]  # hot is red
    assert (draw_heat_map(GREY, heat, 0.0) == 120).all()
    assert (draw_heat_map(GREY, 7 * heat) == draw_heat_map(GREY, (7 * heat).clip(0, 1))).all()


def test_labels_have_the_colours_of_voc():
    label = np.zeros((60, 80), np.int64)
    label[10:50, 10:40], label[10:50, 50:70] = 21, 255
    drawn, palette = draw_label_map(GREY, label, strength=1.0), voc_palette()
    assert (drawn[30, 25] == palette[21]).all() and (drawn[30, 60] == palette[255]).all()
    assert (drawn[5, 5] < 120).all()  # background steps back
    assert (drawn[30, 39] == 255).all() and (drawn[30, 9] == 255).all()  # lines around the region
    half = draw_label_map(GREY, label, strength=0.5)
    assert np.abs(half[30, 25].astype(int) - (palette[21].astype(int) + 120) / 2).max() <= 1
    other = np.where(label == 255, 22, label)
    assert (draw_label_map(GREY, other, strength=1.0, ignore_index=22) == drawn).all()


def test_names_are_written_inside_their_region():
    label = np.zeros((60, 80), np.uint8)
    label[20:40, 30:78] = 2
    changed = (draw_label_map(GREY, label, ['a', 'sheep']) != draw_label_map(GREY, label)).any(-1)
    ys, xs = np.nonzero(changed)
    assert 18 <= ys.min() and ys.max() <= 42 and 28 <= xs.min() and xs.max() <= 79
    with pytest.raises(ValueError, match='label 2, but there are 1'):
        draw_label_map(GREY, label, ['a'])
    void = np.full((60, 80), 255, np.uint8)
    assert (draw_label_map(GREY, void, ['a']) == draw_label_map(GREY, void)).all()


def test_the_first_instance_lies_on_top():
    masks = np.zeros((3, 60, 80), bool)
    masks[0, 10:40, 10:40] = masks[1, 20:50, 20:60] = True
    drawn = draw_instances(GREY, masks, strength=1.0)
    assert (drawn[30, 30] == class_colour(0)).all() and (drawn[45, 50] == class_colour(1)).all()
    assert (draw_instances(GREY, masks[[1, 0]], strength=1.0)[30, 30] == class_colour(0)).all()
    assert (draw_instances(GREY, masks[:0]) < 120).all()
    named = draw_instances(GREY, masks, ['cat', '', 'nowhere'])
    changed = (named != draw_instances(GREY, masks)).any(-1)
    assert changed[10:40, 5:45].any() and not changed[41:].any()
    with pytest.raises(ValueError, match='3 masks and 1 texts'):
        draw_instances(GREY, masks, ['cat'])


def test_boundaries_are_enlarged():
    boundary = np.zeros((15, 20))
    boundary[:, 10] = 1.5
    drawn = draw_boundary(boundary, (60, 80))
    assert drawn.shape == (60, 80, 3) and drawn.dtype == np.uint8
    assert drawn[30, 42].astype(int).sum() > 400 > 60 > drawn[30, 5].astype(int).sum()


@pytest.mark.parametrize('draw', [draw_heat_map, draw_label_map, lambda image, x: draw_instances(image, x[None])])
def test_sizes_are_compared(draw):
    with pytest.raises(ValueError, match=r'\[59, 80\], but the image \[60, 80\]'):
        draw(GREY, np.zeros((59, 80), np.uint8))
    with pytest.raises(ValueError, match='uint8'):
        draw(GREY / 255, np.zeros((60, 80), np.uint8))


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match='not finite'):
        draw_heat_map(GREY, np.full((60, 80), np.nan))
    for label in (np.zeros((60, 80)), np.full((60, 80), 256), np.full((60, 80), -1)):
        with pytest.raises(ValueError, match='integers 0-255'):
            draw_label_map(GREY, label)
