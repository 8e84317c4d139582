"""apis."""

from typing import Any

__all__ = ['CAMInferencer', 'CAMResult']


def __getattr__(name: str) -> Any:
    # on demand: packages that the inferencer needs take their errors from wsod_mm.apis.config
    if name in __all__:
        from . import cam_inferencer

        return getattr(cam_inferencer, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
