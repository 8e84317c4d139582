"""Parameter groups as Caffe's prototxt files describe them."""

from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from wsod_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS

__all__ = ['CaffeOptimWrapperConstructor']

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)
_OPTIONS = {'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'custom_keys'}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CaffeOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Learning rates and decays whose rules multiply.

    The Fast R-CNN line of code trains biases with twice the learning rate and no weight decay *in every layer*, and
    some layers with a larger rate on top. MMEngine's default constructor cannot say that: a parameter that matches
    one of ``custom_keys`` ignores the bias rules. Here

    ``lr = base_lr * lr_mult(layer) * (bias_lr_mult if bias else 1)``, and the same for the weight decay.

    ``paramwise_cfg`` takes:

    * ``bias_lr_mult`` (default 2) and ``bias_decay_mult`` (default 0): for parameters named ``bias``;
    * ``norm_decay_mult`` (default 1): weights of normalisation layers; their biases follow the bias rules;
    * ``custom_keys``: part of a parameter's name -> ``dict(lr_mult=1, decay_mult=1)``; the longest key that matches
      wins.

    Example: refinement heads learn ten times as fast, their biases twenty times::

        optim_wrapper = dict(
            constructor='CaffeOptimWrapperConstructor',
            optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=0.0005),
            paramwise_cfg=dict(custom_keys={'refine': dict(lr_mult=10)}))

    Raises:
        ValueError: An unknown option, a key that matches no trainable parameter, or no ``lr`` in the optimiser.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        # DefaultOptimWrapperConstructor skips add_params when there are no options at all; the bias rules apply anyway
        super().__init__(optim_wrapper_cfg, {'bias_lr_mult': 2.0, 'bias_decay_mult': 0.0, **(paramwise_cfg or {})})

    def _validate_cfg(self) -> None:
        if self.base_wd is None:
            self.base_wd = 0.0
        super()._validate_cfg()
        if self.base_lr is None:
            raise ValueError(f'CaffeOptimWrapperConstructor needs lr in the optimizer config, got {self.optimizer_cfg}')
        unknown = set(self.paramwise_cfg) - _OPTIONS
        if unknown:
            raise ValueError(
                f'unknown paramwise_cfg {sorted(unknown)}; CaffeOptimWrapperConstructor takes {sorted(_OPTIONS)}'
            )

    def add_params(self, params: list[dict[str, Any]], module: nn.Module, prefix: str = '', **kwargs: Any) -> None:
        """Append one parameter group per pair of learning rate and decay to ``params``.

        Args:
            params: List of groups, extended in place.
            module: The model.
            prefix: Prefix of the parameters' names.
            **kwargs: Not used; part of MMEngine's signature.
        """
        custom = self.paramwise_cfg.get('custom_keys', {})
        keys = sorted(custom, key=lambda key: (-len(key), key))
        norms = {id(m.weight) for m in module.modules() if isinstance(m, _NORMS) and m.weight is not None}
        unused = set(keys)
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in module.named_parameters(prefix=prefix):
            if not parameter.requires_grad:
                continue
            key = next((k for k in keys if k in name), None)
            unused.discard(key)
            rule = custom.get(key, {})
            lr, decay = self.base_lr * rule.get('lr_mult', 1.0), self.base_wd * rule.get('decay_mult', 1.0)
            if name.rpartition('.')[2] == 'bias':
                lr *= self.paramwise_cfg['bias_lr_mult']
                decay *= self.paramwise_cfg['bias_decay_mult']
            elif id(parameter) in norms:
                decay *= self.paramwise_cfg.get('norm_decay_mult', 1.0)
            groups.setdefault((lr, decay), []).append(parameter)
        if unused:
            raise ValueError(
                f'custom_keys {sorted(unused)} match no trainable parameter (or only ones that a longer key takes)'
            )
        params.extend(dict(params=members, lr=lr, weight_decay=decay) for (lr, decay), members in groups.items())
