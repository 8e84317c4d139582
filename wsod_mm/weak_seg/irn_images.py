"""What the stages of IRN after its training have in common."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor

from wsod_mm.datasets.cam_file import read_cams
from wsod_mm.datasets.rgb_image import read_rgb_image

from .config import WeakSegConfig
from .image_job import ImageJob
from .image_record import ImageRecord
from .inference import image_boundary
from .networks import load_network, pixel_norm
from .training import network_files, network_params

__all__ = ['IRNImage', 'irn_network', 'irn_reader']


class IRNImage(NamedTuple):
    """What walks start from.

    Attributes:
        cam: ``[K, h, w]`` float32, h = ceil(H / stride).
        keys: ``[K]`` int64.
        boundary: ``[h, w]`` float32.
        displacement: ``[2, h, w]`` float32 (dy, dx) in cells.
        size: (H, W).
        stride: Pixels per cell.
    """

    cam: Tensor
    keys: Tensor
    boundary: Tensor
    displacement: Tensor
    size: tuple[int, int]
    stride: int


def irn_network(config: WeakSegConfig) -> tuple[tuple[str, ...], Callable[[Path], dict[str, str]], dict]:
    """Needs, files and parameters of a stage with IRN's network."""
    path = Path(config.irn.config)
    given = None if config.irn.checkpoint is None else Path(config.irn.checkpoint)
    needs = ('cam',) if given else ('cam', 'irn')
    return needs, network_files('irn', path, given), network_params(path, given)


def irn_reader(job: ImageJob) -> Callable[[ImageRecord], IRNImage]:
    """Load IRN; the function reads an image and asks the network."""
    config = Config.fromfile(job.network['config'])
    network, norm = load_network(config, job.network['checkpoint'], job.device), pixel_norm(config)
    return functools.partial(_read, job, network, norm)


def _read(job: ImageJob, network: torch.nn.Module, norm: tuple, record: ImageRecord) -> IRNImage:
    image, path = read_rgb_image(record.img_path), job.file_of('cam', 'maps/{}.npz', record)
    maps = read_cams(path)
    boundary, displacement = image_boundary(network, image, norm)
    if maps.low is None or maps.low.shape[1:] != boundary.shape:
        shape = None if maps.low is None else maps.low.shape[1:]
        raise ValueError(
            f"{path}: the coarse CAMs are {shape}, IRN's map is {tuple(boundary.shape)}; set cam.merge='strided' and "
            f'cam.stride={network.head.stride}'
        )
    cam = torch.from_numpy(maps.low).to(boundary.device)
    keys = torch.from_numpy(maps.keys)
    return IRNImage(cam, keys, boundary, displacement, tuple(image.shape[:2]), network.head.stride)
