"""The config of a pipeline: one dict ``weak_seg``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from wsod_mm.apis.config import load_config
from wsod_mm.registry import DATASETS

from .options import AffinityOptions, CamOptions, CRFOptions, IRNOptions, LabelOptions, TruthOptions, build_options
from .options.build import unknown_key

__all__ = ['WeakSegConfig', 'load_weak_seg_config']

_KEYS = ('classifier', 'images', 'lists', 'ground_truth', 'cam', 'cam_crf', 'crf', 'affinitynet', 'irn', 'seed')
_LISTS = ('train', 'infer', 'eval', 'mean', 'val')


@dataclass(frozen=True)
class WeakSegConfig:
    """A checked config. Paths of configs and checkpoints are absolute.

    Attributes:
        where: Name of the config, for messages.
        classifier: Training config of the classifier.
        classifier_checkpoint: Its weights; ``None``: it is trained.
        images: Config of the data set, without list and pipeline.
        classes: Names of its classes.
        lists: ``ann_file`` of the data set for ``train`` (of all trainings), ``infer`` (which images get masks),
            ``eval`` (a part of ``infer``), ``mean`` (of which IRN takes the mean displacement after its training) and,
            where the classifier is validated, ``val``.
        ground_truth: True masks; ``None``: nothing is evaluated.
        cam: How CAMs are made.
        cam_crf: How CAMs and a CRF make a label map; ``None``: they do not.
        crf: The dense CRF.
        affinitynet: AffinityNet; ``None``: without.
        irn: IRN; ``None``: without.
        irn_crf: The dense CRF of its labels; ``None`` without IRN.
        seed: Replaces the seeds of the training configs; ``None``: they stay.
    """

    where: str
    classifier: Path
    classifier_checkpoint: Path | None
    images: dict[str, Any]
    classes: tuple[str, ...]
    lists: dict[str, str]
    ground_truth: TruthOptions | None
    cam: CamOptions
    cam_crf: LabelOptions | None
    crf: CRFOptions
    affinitynet: AffinityOptions | None
    irn: IRNOptions | None
    irn_crf: CRFOptions | None
    seed: int | None = None

    def under_data_root(self, path: str) -> Path:
        """A path of the config, relative to the data root unless it is absolute."""
        return Path(self.images.get('data_root') or '', path)


def load_weak_seg_config(config: str | os.PathLike | Config, options: Mapping[str, Any] | None = None) -> WeakSegConfig:
    """Read and check the config of a pipeline.

    Args:
        config: A file, or what was read from one.
        options: Dotted key -> value, such as ``{'weak_seg.seed': 1}``.

    Returns:
        The config.

    Raises:
        FileNotFoundError: If a config or checkpoint is missing.
        ModuleNotFoundError: If the CRF's backend is not installed.
        ValueError: If a field is wrong; the message names it, its value and the fix.
    """
    if isinstance(config, Config):
        name, config = config.filename, Config(config.to_dict(), filename=config.filename)
        config.merge_from_dict(dict(options or {}))
    else:
        name, config = str(config), load_config(config, dict(options or {}))
    values = config.to_dict().get('weak_seg')
    name = name or 'the config'
    if not isinstance(values, dict):
        raise ValueError(f'{name} has no weak_seg=dict(...): it is not the config of such a pipeline')
    where = f'{name}: weak_seg'
    for key in values:
        if key not in _KEYS:
            raise ValueError(unknown_key(where, key, _KEYS))
    folder = Path(name).parent
    classifier, checkpoint = _classifier(values.get('classifier'), folder, where)
    images = _images(values.get('images'), where)
    crf = CRFOptions.from_dict(values.get('crf') or {}, f'{where}.crf')
    affinitynet = _network(AffinityOptions, values.get('affinitynet'), folder, f'{where}.affinitynet')
    irn = _network(IRNOptions, values.get('irn'), folder, f'{where}.irn')
    cam = build_options(CamOptions, values.get('cam') or {}, f'{where}.cam')
    if irn is not None and cam.merge != 'strided':
        raise ValueError(
            f"{where}.cam.merge={cam.merge!r}: IRN's walk starts from CAMs on a coarse grid; set merge='strided' "
            '(AffinityNet takes these as well), or irn=None'
        )
    truth, labels, seed = values.get('ground_truth'), values.get('cam_crf'), values.get('seed')
    if seed is not None and (not isinstance(seed, int) or seed < 0):
        raise ValueError(f'{where}.seed={seed!r}: must be a whole number from 0, or None')
    return WeakSegConfig(
        where=where,
        classifier=classifier,
        classifier_checkpoint=checkpoint,
        images=images,
        classes=_classes(images, where),
        lists=_lists(values.get('lists'), where),
        ground_truth=None if truth is None else build_options(TruthOptions, truth, f'{where}.ground_truth'),
        cam=cam,
        cam_crf=None if labels is None else build_options(LabelOptions, labels, f'{where}.cam_crf'),
        crf=crf,
        affinitynet=affinitynet,
        irn=irn,
        irn_crf=None if irn is None else crf.changed(irn.crf, f'{where}.irn.crf'),
        seed=seed,
    )


def _classifier(value: Any, folder: Path, where: str) -> tuple[Path, Path | None]:
    value = {'config': value} if isinstance(value, str) else value
    if not isinstance(value, Mapping) or not value.get('config') or set(value) - {'config', 'checkpoint'}:
        raise ValueError(
            f"{where}.classifier={value!r}: give a training config, 'classifier.py', or dict(config='classifier.py', "
            "checkpoint='weights.pth')"
        )
    config = _file(value['config'], folder, f'{where}.classifier')
    checkpoint = value.get('checkpoint')
    return config, None if checkpoint is None else _file(checkpoint, folder, f'{where}.classifier.checkpoint')


def _network(cls: type, values: Any, folder: Path, where: str) -> Any:
    if values is None:
        return None
    options = build_options(cls, values, where)
    found = {'config': str(_file(options.config, folder, f'{where}.config'))}
    if options.checkpoint is not None:
        found['checkpoint'] = str(_file(options.checkpoint, folder, f'{where}.checkpoint'))
    return build_options(cls, {**values, **found}, where)


def _file(value: Any, folder: Path, where: str) -> Path:
    """A file relative to the config, or else to the working folder."""
    tried = [Path(base, str(value)).expanduser().resolve() for base in (folder, '.')]
    for path in tried:
        if path.is_file():
            return path
    raise FileNotFoundError(f'{where}={value!r}: {tried[0]} does not exist; give a path relative to this config')


def _images(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or 'type' not in value:
        raise ValueError(f"{where}.images={value!r}: must be a data set, dict(type='WeakVOCDataset', data_root=...)")
    if not isinstance(value['type'], str) or DATASETS.get(value['type']) is None:
        raise ValueError(f'{where}.images.type={value["type"]!r}: there is no such data set')
    for key, instead in (('ann_file', f'{where}.lists'), ('pipeline', "the training config's data set")):
        if key in value:
            raise ValueError(f'{where}.images.{key}={value[key]!r}: take it out; it stands in {instead}')
    return dict(value)


def _classes(images: Mapping[str, Any], where: str) -> tuple[str, ...]:
    default = getattr(DATASETS.get(images['type']), 'METAINFO', None) or {}
    classes = (images.get('metainfo') or {}).get('classes') or default.get('classes')
    if not classes or isinstance(classes, str):
        raise ValueError(f'{where}.images.metainfo={images.get("metainfo")!r}: must be dict(classes=(<names>))')
    if len(classes) > 254:
        raise ValueError(f'{where}.images.metainfo has {len(classes)} classes; a label map has room for 254')
    return tuple(classes)


def _lists(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value.get('train'):
        raise ValueError(
            f"{where}.lists={value!r}: must be dict(train='...', infer='...', eval='...') with the ann_file of the "
            'images to learn from, to make masks of (default: train) and to evaluate (default: infer)'
        )
    for key, path in value.items():
        if key not in _LISTS:
            raise ValueError(unknown_key(f'{where}.lists', key, _LISTS))
        if path is not None and not isinstance(path, str):
            raise ValueError(f'{where}.lists.{key}={path!r}: must be one path, relative to data_root')
    lists = {'train': value['train']}
    lists['infer'] = value.get('infer') or lists['train']
    lists['eval'] = value.get('eval') or lists['infer']
    lists['mean'] = value.get('mean') or lists['train']
    return {**lists, **({'val': value['val']} if value.get('val') else {})}
