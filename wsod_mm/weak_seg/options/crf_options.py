"""The dense CRF of a pipeline."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from wsod_mm.functional.crf_labels import CRF
from wsod_mm.ops.dense_crf import CRF_BACKENDS, DenseCRFParams, dense_crf, resolve_crf_backend

from .build import require_choice, unknown_key

__all__ = ['CRFOptions']

_PARAMS = [field.name for field in dataclasses.fields(DenseCRFParams)]


@dataclasses.dataclass(frozen=True)
class CRFOptions:
    """``weak_seg.crf``: ``dict(backend='auto', <fields of DenseCRFParams>)``.

    Attributes:
        backend: One of :data:`wsod_mm.ops.dense_crf.CRF_BACKENDS`, not ``'auto'``: that is resolved when the config
            is read, so that a stage knows which one it was made with.
        params: The CRF's parameters; PSA's by default.
    """

    backend: str
    params: DenseCRFParams

    @classmethod
    def from_dict(cls, values: Any, where: str) -> 'CRFOptions':
        """Make the options of a dict.

        Args:
            values: The dict.
            where: Its name, for messages.

        Raises:
            ValueError: If a key is unknown or a value wrong.
            ModuleNotFoundError: If the backend is not installed.
        """
        return cls('none', DenseCRFParams()).changed({'backend': 'auto', **_mapping(values, where)}, where)

    def changed(self, values: Any, where: str) -> 'CRFOptions':
        """A copy with other values.

        Args:
            values: As for :meth:`from_dict`; what is not there stays.
            where: See there.
        """
        values = _mapping(values, where)
        for key in values:
            if key not in ('backend', *_PARAMS):
                raise ValueError(unknown_key(where, key, ['backend', *_PARAMS]))
        try:
            if 'backend' in values:
                require_choice('backend', values['backend'], CRF_BACKENDS)
            params = dataclasses.replace(self.params, **{k: v for k, v in values.items() if k != 'backend'})
        except (TypeError, ValueError) as error:
            raise ValueError(f'{where}.{error}') from None
        return CRFOptions(resolve_crf_backend(values.get('backend', self.backend)), params)

    def plain(self) -> dict[str, Any]:
        """As :meth:`from_dict` takes it."""
        return {'backend': self.backend, **dataclasses.asdict(self.params)}

    def function(self, device: str = 'cpu') -> CRF:
        """The CRF as :mod:`wsod_mm.functional.crf_labels` calls it.

        Args:
            device: Of the backends that know devices.
        """
        return functools.partial(dense_crf, params=self.params, backend=self.backend, device=device)


def _mapping(values: Any, where: str) -> Mapping:
    if not isinstance(values, Mapping):
        raise ValueError(f'{where}={values!r}: must be a dict(...) with some of backend, {", ".join(_PARAMS)}')
    return values
