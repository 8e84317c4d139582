"""Command line of ``tools/vis_cam.py``."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import DictAction

from wsod_mm.apis.command_line import run_command
from wsod_mm.apis.config import UsageError
from wsod_mm.apis.image_paths import find_images
from wsod_mm.apis.model_loading import load_model
from wsod_mm.utils.checkpoint_io import CheckpointError

from .methods import CAM_METHODS
from .picture_maker import PictureMaker
from .scorers import ModelScorer, make_scorer

__all__ = ['main']


def main(arguments: Sequence[str] | None = None) -> None:
    """``tools/vis_cam.py``: pictures of what a model looks at.

    Args:
        arguments: Command line without the program name; ``None``: that of the process.
    """
    run_command(_run, _parser(), None if arguments is None else list(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='vis_cam.py', description='Draw what a classifier or detector looks at, by CAM methods.'
    )
    parser.add_argument('img', nargs='*', help='images, or folders of images')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help="weights of the model, or 'none' for random ones")
    parser.add_argument(
        '--target-layers',
        nargs='+',
        metavar='LAYER',
        help="layers to look at, such as backbone.layer4 or 'neck[0]' (default: the last map of a classifier, the neck "
        'of a detector)',
    )
    parser.add_argument('--preview-model', action='store_true', help='list the layers and stop')
    parser.add_argument('--method', default='GradCAM', help=f'{", ".join(CAM_METHODS)}; grad-cam:NAME of that package')
    parser.add_argument(
        '--target-category',
        nargs='+',
        type=int,
        metavar='CLASS',
        help='0-based classes, one picture each (default: the best of a classifier, all boxes of a detector)',
    )
    parser.add_argument('--aug-smooth', action='store_true', help='mean over mirrored and brighter images, 6 passes')
    parser.add_argument('--eigen-smooth', action='store_true', help='principal component of the weighted channels')
    parser.add_argument('--fusion', default='mean', help='of several layers: mean, max or tanh_max (default: mean)')
    parser.add_argument('--vit-like', action='store_true', help='the layers put out tokens of a ViT')
    parser.add_argument('--num-extra-tokens', type=int, help='tokens before the patches (default: 1; 0 for Swin)')
    parser.add_argument('--topk', type=int, default=10, help='explain so many boxes of a detector (default: 10)')
    parser.add_argument('--score-thr', type=float, default=0.3, help='and only boxes that score this (default: 0.3)')
    parser.add_argument('--max-shape', type=int, default=-1, help='shrink larger feature maps to it (default: not)')
    parser.add_argument(
        '--no-norm-in-bbox', action='store_true', help='show the map of the whole image, not one anew in each box'
    )
    parser.add_argument(
        '--stream',
        help='of a weakly supervised detector: mil, cls, refine, refine1, ... (default: refine, else mil)',
    )
    parser.add_argument('--proposals', help='.npz of proposals for a weakly supervised detector (default: a grid)')
    parser.add_argument('--batch-size', type=int, default=32, help='images per pass of ScoreCAM and AblationCAM')
    parser.add_argument('--out-dir', default='out', help='folder of the pictures (default: out)')
    parser.add_argument('--save-path', help='file of the picture, for one image and one class')
    parser.add_argument('--device', default=None, help='for instance cuda:1 or cpu (default: the GPU if there is one)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='override settings')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _run(arguments: argparse.Namespace) -> None:
    checkpoint = None if arguments.checkpoint.lower() == 'none' else arguments.checkpoint
    try:
        paths = [] if arguments.preview_model else find_images(arguments.img)
        model, config, classes = load_model(arguments.config, checkpoint, arguments.device, arguments.cfg_options)
        scorer = make_scorer(model, **({'stream': arguments.stream} if arguments.stream else {}))
        if arguments.preview_model:
            _preview(scorer)
            return
        maker = PictureMaker(scorer, config, classes, **_settings(arguments))
        if arguments.save_path and (len(paths) > 1 or len(arguments.target_category or ()) > 1):
            raise UsageError('--save-path takes one picture; give --out-dir for several')
        for path in paths:
            for picture in maker(path):
                target = Path(arguments.save_path or Path(arguments.out_dir, picture.name))
                picture.save(target)
                print(f'{path}\t{picture.text}\t{target}')
    except CheckpointError:
        raise
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError(str(error)) from error


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.num_extra_tokens is not None and not arguments.vit_like:
        raise UsageError('--num-extra-tokens goes with --vit-like')
    extra = 1 if arguments.num_extra_tokens is None else arguments.num_extra_tokens
    return dict(
        method=arguments.method,
        target_layers=arguments.target_layers,
        categories=arguments.target_category,
        aug_smooth=arguments.aug_smooth,
        eigen_smooth=arguments.eigen_smooth,
        fusion=arguments.fusion,
        num_extra_tokens=extra if arguments.vit_like else None,
        topk=arguments.topk,
        score_thr=arguments.score_thr,
        max_shape=None if arguments.max_shape < 0 else arguments.max_shape,
        norm_in_boxes=not arguments.no_norm_in_bbox,
        proposals=arguments.proposals,
        batch_size=arguments.batch_size,
    )


def _preview(scorer: ModelScorer) -> None:
    for name, module in scorer.model.named_modules():
        if name:
            print(f'{name}\t{type(module).__name__}')
    print(f'\nwithout --target-layers: {" ".join(scorer.default_layers())}')
