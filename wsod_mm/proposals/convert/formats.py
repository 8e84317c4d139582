"""The file formats that can be converted, and how to tell them apart."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import ProposalFileError
from .raw import RawProposals
from .read_mat import load_mat, read_cell_mat, read_image_mats
from .read_pickle import read_id_pickle, read_mmdet_pickle, read_npz
from .unpickle import load_plain_pickle

__all__ = ['FORMATS', 'ProposalFormat', 'detect_format']


@dataclass(frozen=True)
class ProposalFormat:
    """A file format.

    Attributes:
        read: Reads a path into :class:`RawProposals`.
        order: Columns of a box: ``'xyxy'``, ``'yxyx'`` or ``'xywh'`` (w, h counted in pixels).
        offset: Coordinate of the first pixel: 0, or 1 as in MATLAB.
        about: One line for the help.
    """

    read: Callable[[Path], RawProposals]
    order: str
    offset: int
    about: str


FORMATS = {
    'fast-rcnn-mat': ProposalFormat(
        read_cell_mat,
        'yxyx',
        1,
        'fast-rcnn voc_2007_trainval.mat: cell of boxes, images in list order',
    ),
    'fast-rcnn-demo-mat': ProposalFormat(
        read_image_mats, 'xyxy', 0, 'fast-rcnn demo <id>_boxes.mat (a file or a folder)'
    ),
    'mcg-mat': ProposalFormat(read_image_mats, 'yxyx', 1, 'folder of MCG files of Berkeley, <id>.mat'),
    'mcg-hosang-mat': ProposalFormat(read_image_mats, 'xyxy', 1, "folder of per-image files of Hosang's re-release"),
    'detectron-pkl': ProposalFormat(read_id_pickle, 'xyxy', 0, 'Detectron / PCL: boxes, scores, indexes or ids'),
    'wetectron-pkl': ProposalFormat(
        read_id_pickle, 'xyxy', 0, 'wetectron: the same keys; give train and val files together'
    ),
    'detectron2-pkl': ProposalFormat(
        read_id_pickle, 'xyxy', 0, 'detectron2 / DRN-WSOD: boxes, objectness_logits or scores, ids'
    ),
    'mmdet-pkl': ProposalFormat(read_mmdet_pickle, 'xyxy', 0, 'MMDetection 3.x dict or 2.x list'),
    'npz': ProposalFormat(read_npz, 'xyxy', 0, 'a store of ours, or one array per image named by its id'),
}


def detect_format(path: str | os.PathLike) -> str:
    """Name of the format of a file or folder, by its ending and its content.

    A folder of per-image ``.mat`` files is taken for Berkeley's MCG, unless the files are named
    like fast-rcnn's demo; the order check of the conversion notices when it is the re-release.

    Raises:
        FileNotFoundError: If there is nothing at ``path``.
        ProposalFileError: If the format cannot be told.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'no such file or folder: {path}')
    if path.is_dir():
        files = list(path.glob('*.mat'))
        if files:
            return 'fast-rcnn-demo-mat' if all(f.stem.endswith('_boxes') for f in files) else 'mcg-mat'
        raise ProposalFileError(f'{path} is a folder without .mat files; proposals come as .mat, .pkl or .npz')
    if path.suffix == '.mat':
        content = load_mat(path)
        table = content.get('boxes', content.get('bboxes'))
        if table is not None and table.dtype == object:
            return 'fast-rcnn-mat'
        return 'mcg-mat' if 'scores' in content else 'fast-rcnn-demo-mat'
    if path.suffix == '.npz':
        return 'npz'
    if path.suffix in ('.pkl', '.pickle'):
        content = load_plain_pickle(path)
        if isinstance(content, dict) and 'boxes' in content:
            return 'detectron2-pkl' if {'objectness_logits', 'bbox_mode'} & set(content) else 'detectron-pkl'
        return 'mmdet-pkl'
    raise ProposalFileError(
        f'cannot tell the format of {path} from its name; give one with --format: {", ".join(FORMATS)}'
    )
