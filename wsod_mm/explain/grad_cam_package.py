"""Methods of the package grad-cam, where it is installed, under the conventions of ours."""

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from .base_cam import check_inputs
from .evaluating import evaluating
from .layers import Layer, find_layers
from .scorers import ModelScorer, make_scorer
from .targets import Targets, resolve_targets

__all__ = ['GradCAMPackage']


class GradCAMPackage:
    """A method of ``pytorch_grad_cam`` such as ``'KPCA_CAM'``, ``'FinerCAM'`` or ``'ShapleyCAM'``.

    The package sets the model to evaluation mode, fills ``grad`` and leaves hooks if it is not released; here all that
    is as before after every call. Its layers must put out one tensor: name a convolution of a feature pyramid, not the
    pyramid.

    Args:
        method: Name of the class in ``pytorch_grad_cam``.
        model: See :class:`~wsod_mm.explain.base_cam.BaseCAM`.
        target_layers: See there.
        reshape: See there.
        **options: Arguments of the class.

    Raises:
        ImportError: The package is not installed, or not a current one.
        ValueError: It has no such method, or a layer is not in the model.
    """

    def __init__(
        self,
        method: str,
        model: nn.Module | ModelScorer,
        target_layers: Layer | Sequence[Layer] | None = None,
        reshape: Any | None = None,
        **options: Any,
    ) -> None:
        package = _package()
        kind = getattr(package, method, None)
        if not isinstance(kind, type):
            classes = [name for name in dir(package) if isinstance(getattr(package, name), type)]
            known = [name for name in classes if 'CAM' in name.upper() and name != 'BaseCAM']
            raise ValueError(f'method={method!r}: the installed grad-cam has {", ".join(known)}')
        self.kind = kind
        self.scorer = make_scorer(model)
        self.layers = find_layers(
            self.scorer.model, self.scorer.default_layers() if target_layers is None else target_layers
        )
        self.reshape = reshape
        self.options = options

    def __call__(
        self,
        inputs: Tensor,
        targets: Targets = None,
        samples: Sequence[Any] | None = None,
        *,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> Tensor:
        """Explain a batch; see :meth:`.base_cam.BaseCAM.__call__`. With ``aug_smooth`` boxes are not mirrored.

        Returns:
            ``[B, H, W]`` float32 in [0, 1].
        """
        inputs = check_inputs(inputs)
        model = self.scorer.model
        parameters = [(each, each.grad) for each in model.parameters()]
        cam = None
        with evaluating(model):
            inputs = inputs.detach().clone()
            samples = self.scorer.prepare(inputs, samples)
            with torch.no_grad():
                resolved = resolve_targets(targets, self.scorer.forward(inputs, samples))
            try:
                for parameter, _ in parameters:
                    parameter.grad = None  # the package would set those of the user to zero
                cam = self.kind(
                    model=_Scores(self.scorer, samples),
                    target_layers=[layer.module for layer in self.layers],
                    reshape_transform=self.reshape,
                    **self.options,
                )
                maps = cam(input_tensor=inputs, targets=resolved, aug_smooth=aug_smooth, eigen_smooth=eigen_smooth)
            finally:
                if cam is not None and hasattr(cam, 'activations_and_grads'):
                    cam.activations_and_grads.release()
                for parameter, grad in parameters:
                    parameter.grad = grad
        return torch.as_tensor(maps, dtype=torch.float32, device=inputs.device)


class _Scores(nn.Module):
    """A scorer as the module that the package wants."""

    def __init__(self, scorer: ModelScorer, samples: list[Any]) -> None:
        super().__init__()
        self.model = scorer.model
        self.training = False
        self._run = lambda inputs: scorer.forward(inputs, [samples[i % len(samples)] for i in range(len(inputs))])

    def train(self, mode: bool = True) -> '_Scores':
        """Nothing: the mode is set already, without what ``train`` of MMDetection's bodies does besides."""
        return self

    def forward(self, inputs: Tensor) -> Any:
        """Outputs per image."""
        return self._run(inputs)


def _package() -> ModuleType:
    try:
        return importlib.import_module('pytorch_grad_cam')
    except ImportError as error:
        raise ImportError(
            f"this needs the package grad-cam ({error}): pip install 'grad-cam>=1.5'; the methods of CAM_METHODS need "
            'nothing'
        ) from error
