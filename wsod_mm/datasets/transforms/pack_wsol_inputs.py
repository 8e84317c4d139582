"""The last transform where masks are evaluated."""

from wsod_mm.registry import TRANSFORMS

from .pack_weak_inputs import PackWeakInputs

__all__ = ['PackWSOLInputs']


@TRANSFORMS.register_module()
class PackWSOLInputs(PackWeakInputs):
    """:class:`PackWeakInputs`, and in the meta information where the masks of the image are, for ``PxAPMetric``.

    The masks themselves are read by the metric: nothing of them reaches the model.

    Args:
        **kwargs: See :class:`PackWeakInputs`.
    """

    META_KEYS = (*PackWeakInputs.META_KEYS, 'mask_paths', 'ignore_path')

    def __init__(self, **kwargs) -> None:
        super().__init__(**{'meta_keys': self.META_KEYS, **kwargs})
