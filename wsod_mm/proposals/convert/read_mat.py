"""MATLAB files: fast-rcnn's selective search and MCG."""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ProposalFileError
from .raw import RawProposals, as_boxes, as_scores

__all__ = ['load_mat', 'read_cell_mat', 'read_image_mats']


def load_mat(path: Path) -> dict[str, Any]:
    """Variables of a ``.mat`` file.

    Raises:
        ProposalFileError: If scipy is missing, the file is a v7.3 (HDF5) one, or it is damaged.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ProposalFileError(
            f"reading {path} needs scipy: python -m pip install scipy (or 'wsod_mm[mat]')"
        ) from error
    try:
        content = loadmat(str(path))
    except NotImplementedError as error:
        raise ProposalFileError(
            f'{path} is a MATLAB v7.3 (HDF5) file, which scipy cannot read; save it again in MATLAB'
            " with save('new.mat', '-v7')"
        ) from error
    except Exception as error:  # scipy raises a different class for every kind of damage
        raise ProposalFileError(f'{path} is truncated or no MATLAB file ({type(error).__name__}: {error})') from error
    return {key: value for key, value in content.items() if not key.startswith('__')}


def _boxes_of(content: dict[str, Any], path: Path) -> np.ndarray:
    for key in ('boxes', 'bboxes'):
        if key in content:
            return content[key]
    raise ProposalFileError(f"{path} has no variable 'boxes' (it has {sorted(content)})")


def read_cell_mat(path: Path) -> RawProposals:
    """fast-rcnn ``voc_2007_trainval.mat``: cell ``boxes``, one table per image in image-set order;
    ``images``: names."""
    content = load_mat(path)
    cells = _boxes_of(content, path)
    if cells.dtype != object:
        raise ProposalFileError(
            f"{path}: 'boxes' is one table {cells.shape}, not a cell per image; use --format"
            ' fast-rcnn-demo-mat (xyxy, 0-based) or mcg-mat'
        )
    cells = cells.reshape(-1)
    names = None
    if 'images' in content:
        names = [str(np.asarray(cell).reshape(-1)[0]) for cell in content['images'].reshape(-1)]
        if len(names) != len(cells):
            raise ProposalFileError(f"{path}: {len(cells)} entries in 'boxes' but {len(names)} in 'images'")
    boxes = [as_boxes(cell, f'{path}, entry {i}') for i, cell in enumerate(cells)]
    return RawProposals(names, [b for b, _ in boxes], [s for _, s in boxes])


def read_image_mats(path: Path) -> RawProposals:
    """One ``.mat`` per image (a folder, or a single file) with a table ``boxes`` and perhaps
    ``scores``: MCG, fast-rcnn demo."""
    files = sorted(path.glob('*.mat')) if path.is_dir() else [path]
    if not files:
        raise ProposalFileError(f'no .mat files in {path}')
    keys, all_boxes, all_scores = [], [], []
    for file in files:
        content = load_mat(file)
        table = _boxes_of(content, file)
        if table.dtype == object:
            raise ProposalFileError(f"{file}: 'boxes' is a cell of many images; use --format fast-rcnn-mat")
        boxes, scores = as_boxes(table, str(file))
        keys.append(file.stem.removesuffix('_boxes'))
        all_boxes.append(boxes)
        all_scores.append(as_scores(content['scores'], len(boxes), str(file)) if 'scores' in content else scores)
    return RawProposals(keys, all_boxes, all_scores)
