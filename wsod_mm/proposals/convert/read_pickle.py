"""Pickle and npz files: Detectron, PCL, wetectron, detectron2, MMDetection."""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ProposalFileError
from ..store import ProposalStore
from .raw import RawProposals, as_boxes, as_scores
from .unpickle import load_plain_pickle

__all__ = ['read_id_pickle', 'read_mmdet_pickle', 'read_npz']

_ROIDB = ('gt_boxes', 'gt_classes', 'gt_overlaps', 'is_gt')


def refuse_ground_truth(content: Any, path: Path) -> None:
    """Proposals and ground truth must never share a pool: a roidb mixes them row by row.

    Raises:
        ProposalFileError: If ``content`` looks like a roidb.
    """
    first = content[0] if isinstance(content, (list, tuple)) and content else content
    found = [key for key in _ROIDB if isinstance(first, dict) and key in first]
    if found:
        raise ProposalFileError(
            f'{path} is a roidb with ground truth in it ({", ".join(found)}): its boxes cannot be'
            ' told from proposals. Convert the proposal file that it was made from'
        )


def read_id_pickle(path: Path) -> RawProposals:
    """Dict of lists ``boxes``, ``scores`` (or ``objectness_logits``) and ``indexes`` (or ``ids``),
    one item per image."""
    content = load_plain_pickle(path)
    refuse_ground_truth(content, path)
    if not isinstance(content, dict) or 'boxes' not in content:
        what = sorted(map(str, content))[:6] if isinstance(content, dict) else type(content).__name__
        raise ProposalFileError(f"{path}: expected a dict with 'boxes', 'scores' and 'indexes' or 'ids', got {what}")
    ids = next((content[key] for key in ('indexes', 'ids') if key in content), None)
    if ids is None:
        raise ProposalFileError(
            f"{path} has neither 'indexes' nor 'ids' (it has {sorted(map(str, content))}); without"
            ' them nobody can know which image a row of boxes belongs to'
        )
    scores = next((content[key] for key in ('scores', 'objectness_logits') if key in content), None)
    tables = content['boxes']
    if len(ids) != len(tables) or (scores is not None and len(scores) != len(tables)):
        raise ProposalFileError(
            f'{path}: {len(tables)} entries of boxes, {len(ids)} ids, '
            f'{"no" if scores is None else len(scores)} entries of scores'
        )
    keys = [key if isinstance(key, str) else int(key) for key in ids]
    pairs = [as_boxes(table, f'{path}, image {key}') for key, table in zip(keys, tables, strict=True)]
    boxes = [b for b, _ in pairs]
    if scores is None:
        per_image = [s for _, s in pairs]
    else:
        per_image = [
            as_scores(s, len(b), f'{path}, image {key}') for key, b, s in zip(keys, boxes, scores, strict=True)
        ]
    mode = content.get('bbox_mode')
    if mode not in (None, 0, 1):
        raise ProposalFileError(f'{path}: bbox_mode {mode} is neither 0 (xyxy) nor 1 (xywh)')
    return RawProposals(keys, boxes, per_image, {None: None, 0: 'xyxy', 1: 'xywh'}[mode])


def read_mmdet_pickle(path: Path) -> RawProposals:
    """MMDetection: ``{'<folder>/<file>': {'bboxes', 'scores'}}`` (3.x) or a list of [R,4|5] in data
    set order (2.x)."""
    content = load_plain_pickle(path)
    refuse_ground_truth(content, path)
    if isinstance(content, (list, tuple)):
        pairs = [as_boxes(table, f'{path}, entry {i}') for i, table in enumerate(content)]
        return RawProposals(None, [b for b, _ in pairs], [s for _, s in pairs])
    if not isinstance(content, dict):
        raise ProposalFileError(f'{path}: expected a dict or a list, got {type(content).__name__}')
    boxes, scores = [], []
    for key, item in content.items():
        table = item.get('bboxes') if isinstance(item, dict) else item
        if table is None:
            raise ProposalFileError(f"{path}: entry {key!r} has no 'bboxes' (it has {sorted(map(str, item))})")
        b, s = as_boxes(table, f'{path}, entry {key!r}')
        boxes.append(b)
        scores.append(as_scores(item.get('scores'), len(b), f'{path}, entry {key!r}') if isinstance(item, dict) else s)
    return RawProposals([str(key) for key in content], boxes, scores)


def read_npz(path: Path) -> RawProposals:
    """Our own store, or an ``.npz`` with one [R,4|5] array per image, named by its id."""
    try:
        with np.load(path, allow_pickle=False) as data:
            names = list(data.files)
            if not {'ids', 'offsets', 'boxes'} <= set(names):
                pairs = [as_boxes(data[name], f'{path}, array {name!r}') for name in names]
                return RawProposals(names, [b for b, _ in pairs], [s for _, s in pairs])
    except ProposalFileError:
        raise
    except Exception as error:  # zip, zlib, numpy and the operating system each have their own class
        raise ProposalFileError(
            f'{path} is truncated or no pickle-free .npz ({type(error).__name__}: {error})'
        ) from error
    store = ProposalStore.load(path)
    both = [store.get(image_id, copy=False) for image_id in store]
    return RawProposals(store.ids, [b for b, _ in both], [s for _, s in both])
