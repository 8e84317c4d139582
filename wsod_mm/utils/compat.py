"""What MMEngine 0.10 needs on today's PyTorch, and a mistake of MMDetection 3.3, in one place.

:func:`apply` runs at ``import wsod_mm`` and may run again. A mend goes through MMEngine's own registries where
there is one, does nothing where it is not needed, and is tested in ``tests/utils/test_compat.py``.

* :func:`use_plain_loader`. Since torch 2.6 ``torch.load`` refuses pickled objects. MMEngine's loader passes the
  refusal on as a long traceback; ours names the file and the explicit opt-in. (That our own files hold no
  pickled objects is the work of ``PlainCheckpointHook``.)
* :func:`use_atomic_files`. MMEngine writes into the final file, so a killed process leaves half a checkpoint.
* :func:`use_gloo_without_gpu`. MMEngine's launcher selects a CUDA device before it opens the process group,
  which a CPU-only torch does not have, and takes the NCCL back-end of the config in any case. Nor does it close
  the group, which makes a process abort at its exit now and then; ours is closed.
* :func:`wrap_cpu_models`. MMEngine gives DistributedDataParallel the index of a GPU even for a model on the CPU.
* :func:`predict_with_ssd`. In testing, MMDetection's dense heads look at ``self.loss_cls``, which its SSD head lacks
  (its issue 11780), so SSD trains and cannot predict. This one runs when ``wsod_mm.models`` is imported, for
  MMDetection's models take seconds to import.

Nothing was needed for numpy 2.4 in the code paths that this package uses; the tests run with that version.
"""

import atexit
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from mmengine.fileio import LocalBackend, register_backend
from mmengine.runner.checkpoint import CheckpointLoader

from wsod_mm.utils.checkpoint_io import load_plain
from wsod_mm.utils.io import atomic_write

__all__ = [
    'AtomicLocalBackend',
    'apply',
    'has_accelerator',
    'predict_with_ssd',
    'use_atomic_files',
    'use_gloo_without_gpu',
    'use_plain_loader',
    'wrap_cpu_models',
]

_DONE = '_wsod_mm_mended'


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local file back-end, writing to a temporary name and renaming."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write ``obj`` to ``filepath``, completely or not at all."""
        with atomic_write(filepath) as temporary:
            temporary.write_bytes(obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write ``obj`` to ``filepath``, completely or not at all."""
        with atomic_write(filepath) as temporary:
            temporary.write_text(obj, encoding=encoding)


def apply() -> None:
    """Install every mend but :func:`predict_with_ssd`. Safe to call more than once."""
    use_plain_loader()
    use_atomic_files()
    use_gloo_without_gpu()
    wrap_cpu_models()


def has_accelerator() -> bool:
    """Whether MMEngine can see a GPU or another device with its own communication back-end."""
    from mmengine import device

    names = ('is_cuda_available', 'is_npu_available', 'is_mlu_available', 'is_musa_available')
    return any(getattr(device, name)() for name in names if hasattr(device, name))


def use_plain_loader() -> None:
    """Load local checkpoints by :func:`wsod_mm.utils.checkpoint_io.load_plain`."""
    CheckpointLoader.register_scheme(prefixes='', loader=_load_from_local, force=True)


def use_atomic_files() -> None:
    """Make MMEngine's local file back-end write atomically."""
    register_backend('local', AtomicLocalBackend, force=True, prefixes='')
    from mmengine.fileio import io

    for key, instance in list(getattr(io, 'backend_instances', {}).items()):
        if type(instance) is LocalBackend:  # instances are cached by name, so those made before us must go
            del io.backend_instances[key]


def use_gloo_without_gpu() -> None:
    """Let ``--launcher pytorch`` run on a machine without a GPU."""
    from mmengine.dist import utils

    _mend(utils, '_init_dist_pytorch', _gloo_instead)


def wrap_cpu_models() -> None:
    """Let DistributedDataParallel wrap a model on the CPU."""
    from mmengine.model.wrappers import MMDistributedDataParallel

    _mend(MMDistributedDataParallel, '__init__', _without_device_ids)


def predict_with_ssd() -> None:
    """Let MMDetection's SSD head, and heads made from it, predict: they get ``loss_cls=None`` if they have none."""
    from mmdet.models.dense_heads import SSDHead

    _mend(SSDHead, '__init__', _with_loss_cls)


def _load_from_local(filename: str, map_location: Any = None) -> Any:
    return load_plain(filename, map_location)


def _mend(owner: Any, name: str, wrap: Callable[[Callable], Callable]) -> None:
    original = getattr(owner, name)
    if not getattr(original, _DONE, False):
        mended = functools.wraps(original)(wrap(original))
        setattr(mended, _DONE, True)
        setattr(owner, name, mended)


def _gloo_instead(original: Callable) -> Callable:

    def init(backend: str, *args: Any, **kwargs: Any) -> None:
        if has_accelerator():
            original(backend, *args, **kwargs)
            return
        kwargs.pop('init_backend', None)
        torch.distributed.init_process_group(backend='gloo', **kwargs)
        # nobody closes it, and a thread of gloo that still runs at exit now and then aborts the process
        atexit.register(_close_process_group)

    return init


def _close_process_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _with_loss_cls(original: Callable) -> Callable:

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        # of the object: an attribute of the class would hide a loss that a subclass adds as a module
        if not hasattr(self, 'loss_cls'):
            self.loss_cls = None

    return init


def _without_device_ids(original: Callable) -> Callable:

    def init(self: Any, module: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        if all(p.device.type == 'cpu' for p in module.parameters()):
            kwargs['device_ids'] = None
        original(self, module, *args, **kwargs)

    return init
