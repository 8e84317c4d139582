"""How uncertain a detector is about images, from Python and from the command line."""

import argparse
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

from wsod_mm.active.strategy_names import strategy_type
from wsod_mm.apis.command_line import run_command
from wsod_mm.apis.config import UsageError, load_config
from wsod_mm.apis.image_paths import Images, find_images
from wsod_mm.datasets.image_file import read_image_size
from wsod_mm.registry import MODELS, TASK_UTILS
from wsod_mm.utils.checkpoint_io import load_weights

__all__ = ['image_uncertainty', 'main']


def image_uncertainty(
    config: str | os.PathLike | Config,
    checkpoint: str | os.PathLike,
    images: Images,
    strategy: str | dict[str, Any] | None = None,
    device: str | None = None,
) -> list[float]:
    """Score images as active learning does: one by one, with the pipeline of its scoring.

    Args:
        config: That of the experiment, or its path.
        checkpoint: Weights of the whole detector.
        images: See :func:`~wsod_mm.apis.image_paths.find_images`.
        strategy: Type (see :func:`~wsod_mm.active.strategy_names.strategy_type`) or config of a strategy that gives
            one value per image; ``None``: that of the config.
        device: For instance ``'cuda:1'``; ``None``: the GPU if there is one.

    Returns:
        A value per image, in their order. A larger one says that the image would be labeled earlier.

    Raises:
        FileNotFoundError: For a missing file.
        CheckpointError: If the checkpoint is damaged, or not one of this detector.
        UsageError: For a strategy that has no value per image or cannot score this detector, or a config without
            pipeline.
        ValueError: For a broken image, or a value that is not finite; the message names the file.
    """
    config = config if isinstance(config, Config) else load_config(config)
    paths = find_images(images)
    init_default_scope(config.get('default_scope', 'wsod_mm'))
    scorer = _strategy(config, strategy)
    pipeline = Compose(_pipeline(config))
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    model = MODELS.build(deepcopy(config.model))
    load_weights(model, checkpoint)
    model = model.to(device).eval()
    try:
        scorer.check(model)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return [_score(model, scorer, pipeline, i, path) for i, path in enumerate(paths)]


def _strategy(config: Config, strategy: str | dict[str, Any] | None) -> Any:
    if isinstance(strategy, str):
        strategy = dict(type=strategy_type(strategy))
    strategy = strategy or config.get('active_learning', {}).get('strategy')
    if strategy is None:
        raise UsageError('the config has no active_learning.strategy: give a strategy, for instance entropy')
    scorer = TASK_UTILS.build(strategy)
    if not scorer.needs_scores:
        raise UsageError(f'{type(scorer).__name__} does not score images: give another strategy, for instance entropy')
    return scorer


def _pipeline(config: Config) -> list[dict[str, Any]]:
    """That of scoring, else that of testing without annotations."""
    loader = config.get('active_learning', {}).get('score_dataloader') or config.get('test_dataloader')
    dataset = (loader or {}).get('dataset', {})
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    steps = [step for step in dataset.get('pipeline', ()) if 'LoadAnnotations' not in str(step.get('type'))]
    if not steps:
        raise UsageError('the config has no pipeline in active_learning.score_dataloader, nor in test_dataloader')
    return steps


def _score(model: torch.nn.Module, strategy: Any, pipeline: Compose, number: int, path: Path) -> float:
    height, width = read_image_size(path)
    info = dict(img_path=str(path), img_id=path.stem, height=height, width=width, labeled=False, pool_id=number)
    try:
        sample = pipeline(info)
    except Exception as error:
        raise ValueError(f'{path} cannot be read ({error}); get the file again or leave it out') from error
    with torch.no_grad():
        data = model.data_preprocessor(pseudo_collate([sample]), False)
        value = strategy.score(model, data['inputs'], data['data_samples'])
    if value.shape != (1,):
        raise UsageError(
            f'{type(strategy).__name__} describes an image by {value.numel()} numbers and has no uncertainty: give '
            'another strategy, for instance entropy'
        )
    result = float(value)
    if not abs(result) < float('inf'):
        raise ValueError(f'the uncertainty of {path} is {result}: look whether the training diverged')
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Print the path and the uncertainty of images, a line each.')
    parser.add_argument('config', help='config file of the experiment')
    parser.add_argument('checkpoint', help='weights of the detector')
    parser.add_argument('images', nargs='+', help='images, or folders of images')
    parser.add_argument('--strategy', metavar='TYPE', help='for instance entropy (default: that of the config)')
    parser.add_argument('--device', help='for instance cuda:1 or cpu (default: the GPU if there is one)')
    parser.add_argument('--sort', action='store_true', help='the most uncertain first')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='override settings')
    parser.add_argument('--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _print(arguments: argparse.Namespace) -> None:
    config = load_config(arguments.config, arguments.cfg_options)
    try:
        paths = find_images(arguments.images)
        values = image_uncertainty(config, arguments.checkpoint, paths, arguments.strategy, arguments.device)
    except ValueError as error:
        raise UsageError(str(error)) from error
    rows = list(zip(paths, values, strict=True))
    if arguments.sort:
        rows.sort(key=lambda row: -row[1])
    for path, value in rows:
        print(f'{path}\t{value:.6g}')


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``demo/uncertainty.py``."""
    run_command(_print, _parser(), arguments)
