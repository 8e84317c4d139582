"""Detector of MI-AOD: stages with trainable parts of their own, and images scored by their uncertainty."""

import torch
from mmdet.models.detectors import SingleStageDetector
from mmdet.structures import OptSampleList, SampleList
from torch import Tensor
from torch.nn import Parameter

from wsod_mm.models.dense_heads.miaod_mixin import STAGES, TOWERS, MIAODHeadMixin
from wsod_mm.registry import MODELS

__all__ = ['MIAODDetector']

GROUPS = ('g', *TOWERS)


@MODELS.register_module()
class MIAODDetector(SingleStageDetector):
    """A single-stage detector with a head of MI-AOD.

    Unlabeled images have ``labeled=False`` in the meta information of their sample and need no ``gt_instances``.
    Without ``labeled`` an image is labeled. It begins in stage "label".

    Args:
        trainable: Per stage the parts that it trains: of ``'g'`` (everything outside the head), ``'f1'``, ``'f2'``,
            ``'f_r'`` and ``'f_mil'``. Stages that are not named keep the default, that of the public code: label: all;
            min: g, f_r and f_mil; max: f1 and f2. (Paper: min: g and f_mil; max: all but g.)
        **kwargs: See ``mmdet.models.detectors.SingleStageDetector``.

    Raises:
        ValueError: For an unknown stage or part, or a head that is not one of MI-AOD.
    """

    def __init__(self, *args, trainable: dict[str, tuple[str, ...]] | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.bbox_head, MIAODHeadMixin):
            raise ValueError(f'needs a head of MI-AOD, for instance MIAODRetinaHead, got {type(self.bbox_head)}')
        self.trainable = {'label': GROUPS, 'min': ('g', 'f_r', 'f_mil'), 'max': ('f1', 'f2'), **(trainable or {})}
        unknown = {name for groups in self.trainable.values() for name in groups} - set(GROUPS)
        if set(self.trainable) != set(STAGES) or unknown:
            raise ValueError(f'trainable: stages are {STAGES} and parts {GROUPS}, got {self.trainable}')
        # what the constructor of a part froze, for instance the stem of the backbone, stays so
        self._unfrozen = frozenset(name for name, value in self.named_parameters() if value.requires_grad)

    def set_stage(self, stage: str) -> list[Parameter]:
        """Begin a stage: choose the losses, and freeze what it does not train.

        Call it on the bare model and wrap it for distributed training afterwards. Gradients of what is frozen are
        dropped, lest weight decay should move it.

        Args:
            stage: ``'label'``, ``'min'`` or ``'max'``.

        Returns:
            The trainable parameters, in the order of ``parameters()``.

        Raises:
            ValueError: For another stage.
        """
        self.bbox_head.set_stage(stage)
        parameters = []
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name in self._unfrozen and self.group_of(name) in self.trainable[stage])
            if parameter.requires_grad:
                parameters.append(parameter)
            else:
                parameter.grad = None
        return parameters

    def group_of(self, name: str) -> str:
        """Part to which the parameter of this name belongs: ``'g'``, ``'f1'``, ``'f2'``, ``'f_r'`` or ``'f_mil'``."""
        head, _, rest = name.partition('.')
        return (self.bbox_head.tower_of(rest) if head == 'bbox_head' else None) or 'g'

    def forward(self, inputs: Tensor, data_samples: OptSampleList = None, mode: str = 'tensor'):
        """MMDetection's modes and ``'uncertainty'``, see :meth:`uncertainty`."""
        if mode == 'uncertainty':
            return self.uncertainty(inputs, data_samples)
        return super().forward(inputs, data_samples, mode)

    @torch.no_grad()
    def uncertainty(self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None) -> Tensor:
        """Uncertainty of images. Set the model to ``eval()`` before.

        Args:
            batch_inputs: ``[B, 3, H, W]``; images of one shape, for padding counts.
            batch_data_samples: Not looked at.

        Returns:
            ``[B]`` float32 without gradient.
        """
        return self.bbox_head.uncertainty(self.extract_feat(batch_inputs))

    def uncertainty_step(self, data: dict) -> Tensor:
        """:meth:`uncertainty` of a batch of a data loader, like ``test_step``.

        Args:
            data: ``inputs`` and ``data_samples``.

        Returns:
            ``[B]`` float32 without gradient.
        """
        return self._run_forward(self.data_preprocessor(data, False), mode='uncertainty')
