"""Detections in single images with either branch of Collaborative Learning, or with a WSDDN-like detector."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.structures import InstanceData

from wsod_mm.apis.command_line import run_command
from wsod_mm.apis.config import UsageError, load_config
from wsod_mm.apis.image_paths import find_images
from wsod_mm.apis.model_loading import dataset_settings, load_model
from wsod_mm.datasets.image_file import read_image_size
from wsod_mm.proposals.errors import ProposalFileError
from wsod_mm.proposals.selective_search import selective_search
from wsod_mm.utils.io import atomic_write
from wsod_mm.visualization import draw_boxes, select_for_display, side_by_side

__all__ = ['ImageDetector', 'main']

SEARCH = 'selective-search'


class ImageDetector:
    """A detector with the test pipeline of its config.

    Args:
        config: Of the training, or its path.
        checkpoint: Weights.
        branch: ``'strong'`` (needs no proposals), ``'weak'`` or ``'both'``; ``None`` for a detector with one branch,
            which needs proposals.
        proposals: A ``.npy`` with ``[R, 4]`` 0-based inclusive corners in pixels of the image, or
            ``'selective-search'``. (Not read for the strong branch.)
        device: For instance ``'cuda:1'``; ``None``: the GPU if there is one.

    Raises:
        UsageError: The model has no branches and one is asked for, or proposals are needed and there are none.
        CheckpointError: The checkpoint is damaged, or not one of this detector.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        branch: str | None = 'strong',
        proposals: str | Path | None = None,
        device: str | None = None,
    ) -> None:
        config = config if isinstance(config, Config) else load_config(config)
        if branch is not None and config.model.type != 'CollaborativeRCNN':
            raise UsageError(f'{config.model.type} has one branch only; leave branch out (--branch none)')
        if branch != 'strong' and proposals is None:
            raise UsageError(f'this branch scores proposals: give --proposals FILE.npy or --proposals {SEARCH}')
        self.proposals = None if branch == 'strong' else proposals
        options = None if branch is None else {'model.test_cfg.branch': branch}
        self.model, config, self.classes = load_model(config, checkpoint, device, options)
        self.pipeline = Compose(_pipeline(config, self.proposals is not None))
        self.branch = branch

    @torch.no_grad()
    def __call__(self, path: str | Path) -> dict[str, InstanceData]:
        """Detect objects in an image file.

        Returns:
            ``'strong'``, ``'weak'`` or both (``'detections'`` of a detector with one branch) -> ``bboxes [n, 4]`` in
            pixels of the image, ``scores`` and ``labels``.

        Raises:
            UsageError: The proposals cannot be read or made.
        """
        height, width = read_image_size(path)
        info = dict(img_path=str(path), img_id=Path(path).stem, height=height, width=width, test_mode=True)
        if self.proposals is not None:
            boxes = _read_proposals(self.proposals, path)
            info['proposals'] = dict(bboxes=boxes, scores=np.zeros(len(boxes), np.float32))
        (sample,) = self.model.test_step(pseudo_collate([self.pipeline(info)]))
        first = {'both': 'strong', None: 'detections'}.get(self.branch, self.branch)
        found = {first: sample.pred_instances.cpu()}
        if self.branch == 'both':
            found['weak'] = sample.weak_pred_instances.cpu()
        return found

    def draw(self, path: str | Path, found: dict[str, InstanceData], score_thr: float | None = None) -> np.ndarray:
        """Paint detections, one picture per branch; ``score_thr`` as in ``draw_detections``. Returns RGB uint8."""
        image = np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])
        pictures = []
        for data in found.values():
            labels, scores, boxes = (np.asarray(data[key]) for key in ('labels', 'scores', 'bboxes'))
            if score_thr is None:
                rows = select_for_display(labels, scores) if len(labels) else np.zeros(0, int)
            else:
                rows = np.argsort(-scores, kind='stable')
                rows = rows[scores[rows] >= score_thr]
            texts = [
                f'{self.classes[label]} {score:.2g}' for label, score in zip(labels[rows], scores[rows], strict=True)
            ]
            pictures.append(draw_boxes(image, boxes[rows], labels[rows], texts))
        return side_by_side(pictures, list(found))


def _pipeline(config: Config, with_proposals: bool) -> list[dict[str, Any]]:
    pipeline: list[dict[str, Any]] = []
    for transform in dataset_settings(config)['pipeline']:
        if not with_proposals and transform['type'] in ('LoadWeakProposals', 'DedupProposals'):
            continue
        if not with_proposals and transform['type'] == 'ProposalBroadcaster':
            pipeline += transform['transforms']
        else:
            pipeline.append(transform)
    return pipeline


def _read_proposals(source: str | Path, path: str | Path) -> np.ndarray:
    if str(source) == SEARCH:
        try:
            return selective_search(cv2.imread(str(path), cv2.IMREAD_COLOR))
        except ProposalFileError as error:
            raise UsageError(str(error)) from error
    try:
        boxes = np.load(source, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(f'--proposals {source}: {error}') from error
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        raise UsageError(f'--proposals {source} holds {boxes.shape}; [R, 4] corners (x1, y1, x2, y2) are wanted')
    return boxes.astype(np.float32)


def _demo(args: argparse.Namespace) -> None:
    branch = None if args.branch == 'none' else args.branch
    paths = find_images(args.images)
    detector = ImageDetector(args.config, args.checkpoint, branch, args.proposals, args.device)
    for path in paths:
        found = detector(path)
        target = Path(args.out_dir) / f'{path.stem}.jpg'
        with atomic_write(target, '.jpg') as temporary:
            cv2.imwrite(str(temporary), np.ascontiguousarray(detector.draw(path, found, args.score_thr)[..., ::-1]))
        print(f'{path}: {", ".join(f"{len(data)} {name}" for name, data in found.items())} -> {target}')


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of ``demo/image_demo.py``."""
    parser = argparse.ArgumentParser(description='Draw the detections in images.')
    parser.add_argument('images', nargs='+', help='images or folders of them')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--branch',
        choices=('strong', 'weak', 'both', 'none'),
        default='strong',
        help='of Collaborative Learning; strong needs no proposals; none: any other detector (default: %(default)s)',
    )
    parser.add_argument('--proposals', help=f'.npy with [R, 4] corners, or {SEARCH} (needs OpenCV with contrib)')
    parser.add_argument('--score-thr', type=float, help='draw what scores at least this (default: by rank)')
    parser.add_argument('--out-dir', default='work_dirs/image_demo', help='default: %(default)s')
    parser.add_argument('--device', help='such as cuda:0 (default: the GPU if there is one)')
    parser.set_defaults(local_rank=0)  # one process
    run_command(_demo, parser, arguments)
