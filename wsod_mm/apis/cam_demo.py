"""Where a classifier looks, from the command line: classes, boxes and the four-picture strip of images."""

import argparse
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import mmcv
import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config, DictAction
from mmengine.dataset import Compose, pseudo_collate

from wsod_mm.apis.command_line import run_command
from wsod_mm.apis.config import UsageError, load_config
from wsod_mm.apis.image_paths import Images, find_images
from wsod_mm.apis.image_pipeline import TURNED
from wsod_mm.apis.model_loading import dataset_settings, load_model
from wsod_mm.datasets.rgb_image import read_rgb_image
from wsod_mm.functional.box_rule import BoxRule
from wsod_mm.utils.checkpoint_io import latest_checkpoint
from wsod_mm.utils.io import atomic_write
from wsod_mm.utils.paths import config_dir
from wsod_mm.visualization.cam_panel import cam_panel

__all__ = ['LocalizedImage', 'localize_images', 'main']

_CONFIG = 'cam/cam_r18_1xb32-30e_imagefolder.py'
#: what the blog does: the shape is kept, the sides are cut off, and the map is drawn over the whole image
_BLOG_VIEW = [dict(type='ClassifierResize', size=224), dict(type='TracedCenterCrop', size=224)]
_BLOG_TEST = dict(placement='stretch', box_preset='blog', box_rule={}, normalize=None)


class LocalizedImage(NamedTuple):
    """Result of :func:`localize_images`.

    Attributes:
        path: Image file.
        image: ``[H, W, 3]`` uint8 RGB.
        sample: ``pred_label``, ``pred_cam`` and ``pred_instances``, as of ``CAMLocalizer``.
        classes: Names.
        rule: With which boxes were read off the maps.
    """

    path: Path
    image: np.ndarray
    sample: DetDataSample
    classes: Sequence[str]
    rule: BoxRule


def localize_images(
    config: str | Config,
    checkpoint: str,
    images: Images,
    class_ids: Sequence[int] | None = None,
    compat: str | None = None,
    device: str | None = None,
) -> Iterator[LocalizedImage]:
    """Classify and localise images one after another.

    Args:
        config: Of a ``CAMLocalizer``, or its path. The images go through its test pipeline, but are turned as their
            EXIF tags ask.
        checkpoint: Weights.
        images: See :func:`~wsod_mm.apis.image_paths.find_images`.
        class_ids: Which classes to show; ``None``: as the config says, the best where it says ``'gt'``.
        compat: ``'blog'``: the blog's view, map and boxes, its misplaced boxes included.
        device: For instance ``'cuda:1'``; ``None``: the GPU if there is one.

    Yields:
        Results in the order of the images.

    Raises:
        FileNotFoundError: A file is missing.
        CheckpointError: The checkpoint is damaged or of another model.
        UsageError: The config is of another model, or an option is unknown.
        ValueError: An image is broken; the message names it.
    """
    config = deepcopy(config) if isinstance(config, Config) else load_config(config)
    if compat not in (None, 'blog'):
        raise UsageError(f"compat={compat!r}: must be 'blog' or None")
    if str(config.model.type).rsplit('.', 1)[-1] != 'CAMLocalizer':
        raise UsageError(f'the model of the config is {config.model.type}, not CAMLocalizer')
    paths = find_images(images)
    test = dict(config.model.get('test_cfg') or {}, cam_size='original', top1_instances=False)
    test.update(_BLOG_TEST if compat else {})
    if class_ids is not None:
        test['cam_class'] = list(class_ids)
    elif test.get('cam_class') == 'gt':
        test['cam_class'] = 'pred'
    config.model.test_cfg = test
    steps = _pipeline(config, compat)
    model, _, names = load_model(config, checkpoint, device)
    pipeline = Compose(steps)
    classes = _classes(names, model.cam_head.num_classes)
    if class_ids is not None and not all(0 <= k < len(classes) for k in class_ids):
        raise UsageError(f'class ids {list(class_ids)}: the classifier has classes 0 to {len(classes) - 1}')
    for path in paths:
        image = read_rgb_image(path, apply_exif=True)
        with torch.no_grad():
            info = pipeline(dict(img_path=str(path), img_id=path.stem, test_mode=True))
            (sample,) = model.test_step(pseudo_collate([info]))
        yield LocalizedImage(path, image, sample.cpu(), classes, model.test_options.rule)


def _pipeline(config: Config, compat: str | None) -> list[dict[str, Any]]:
    load, *rest = deepcopy(list(dataset_settings(config).get('pipeline', ()))) or [None]
    if load is None or load['type'] not in TURNED:
        raise UsageError(f'the test pipeline must begin with {" or ".join(TURNED)}')
    load.update(TURNED[load['type']])
    return [load, *_BLOG_VIEW, dict(type='PackWeakInputs')] if compat else [load, *rest]


def _classes(names: Sequence[str] | None, count: int) -> list[str]:
    return list(names) if names and len(names) == count else [f'class {k}' for k in range(count)]


def _panel(found: LocalizedImage) -> np.ndarray:
    """A strip per class that has a map; the image alone if none has."""
    sample, strips = found.sample, []
    for label, scoremap in zip(sample.pred_cam.labels, sample.pred_cam.cam, strict=True):
        own = sample.pred_instances[sample.pred_instances.labels == label]
        texts = [f'{found.classes[label]} {score:.2f}' for score in own.scores.tolist()]
        strips.append(cam_panel(found.image, scoremap.float().numpy(), found.rule, own.bboxes.numpy(), texts))
    return np.vstack(strips) if strips else found.image


def _lines(found: LocalizedImage) -> Iterator[str]:
    sample = found.sample
    for label in sample.pred_cam.labels or sample.pred_label.score.argmax()[None].tolist():
        yield f'{label}   {found.classes[label]}   {sample.pred_label.score[label]:.4f}'
        own = sample.pred_instances[sample.pred_instances.labels == label]
        for box, cam_score in zip(own.bboxes.tolist(), own.cam_scores.tolist(), strict=True):
            yield f'    box {" ".join(f"{v:.0f}" for v in box)}   mean of the map {cam_score:.3f}'
        if not len(own):
            yield '    no box'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Print class and boxes (x1 y1 x2 y2, pixels) of images, and write image, heat map, mask and result.'
    )
    parser.add_argument('image', help='image, or folder of images')
    parser.add_argument('config', nargs='?', help=f'config of a CAMLocalizer (default: {_CONFIG})')
    parser.add_argument('checkpoint', nargs='?', help='weights (default: the newest of work_dirs/<config>)')
    parser.add_argument('--class-id', type=int, nargs='+', help='show these classes instead of the best one')
    parser.add_argument('--compat', choices=['blog'], help="the blog's numbers, its misplaced boxes included")
    parser.add_argument('--panel', metavar='FILE', help='where to write the picture (default: out/<name>_cam.jpg)')
    parser.add_argument('--out-dir', default='out', help='folder of the pictures (default: %(default)s)')
    parser.add_argument('--show', action='store_true', help='also show each picture in a window')
    parser.add_argument('--device', help='for instance cuda:1 or cpu (default: the GPU if there is one)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='override settings')
    parser.add_argument('--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _run(arguments: argparse.Namespace) -> None:
    path = arguments.config or str(config_dir() / _CONFIG)
    config = load_config(path, arguments.cfg_options)
    checkpoint = arguments.checkpoint or latest_checkpoint(Path('work_dirs') / Path(path).stem)
    if checkpoint is None:
        raise UsageError(f'no checkpoint in work_dirs/{Path(path).stem}: train it (tools/train.py {path}), or give one')
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist')
    if arguments.panel and Path(arguments.image).is_dir():
        raise UsageError('--panel is the file of one picture; for a folder of images give --out-dir')
    found = localize_images(config, checkpoint, arguments.image, arguments.class_id, arguments.compat, arguments.device)
    try:
        for each in found:
            target = Path(arguments.panel or Path(arguments.out_dir) / f'{each.path.stem}_cam.jpg')
            picture = np.ascontiguousarray(_panel(each)[..., ::-1])
            with atomic_write(target, target.suffix or '.jpg') as temporary:
                mmcv.imwrite(picture, str(temporary))
            print(each.path)
            print('\n'.join(_lines(each)))
            print(f'    {target}')
            if arguments.show:
                _show(picture, each.path.name)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _show(picture: np.ndarray, title: str) -> None:
    try:
        cv2.imshow(title, picture)
        cv2.waitKey(0)
    except cv2.error as error:
        raise UsageError('--show needs a display and an OpenCV with windows; the picture is in its file') from error


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``demo/cam_demo.py``."""
    run_command(_run, _parser(), arguments)
