"""Pictures of detections and the HTML report of a run."""

from .drawing import draw_boxes, side_by_side
from .mask_drawing import draw_boundary, draw_heat_map, draw_instances, draw_label_map
from .palette import class_colour, hex_colour
from .selection import select_for_display
from .weak_visualizer import WeakVisualizer

__all__ = [
    'WeakVisualizer',
    'class_colour',
    'draw_boundary',
    'draw_boxes',
    'draw_heat_map',
    'draw_instances',
    'draw_label_map',
    'hex_colour',
    'select_for_display',
    'side_by_side',
]
