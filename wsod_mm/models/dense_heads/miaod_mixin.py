"""What MI-AOD adds to an anchor-based head of MMDetection: two more classifiers, and the losses of its stages."""

from collections.abc import Sequence

import torch
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor, nn

from wsod_mm.functional.active_losses import (
    CLASS_REDUCTIONS,
    image_loss,
    multi_hot,
    pseudo_image_loss,
    wave_dis_loss,
    wave_dis_minus_loss,
    zero_loss,
)
from wsod_mm.functional.active_mil import MIL_WEIGHTS, ONE_CLASS, flatten_level, mil_scores
from wsod_mm.functional.mean_logits import mean_logits
from wsod_mm.functional.uncertainty import image_uncertainty, instance_uncertainty

__all__ = ['MIAODHeadMixin', 'STAGES', 'TOWERS', 'is_labeled']

STAGES = ('label', 'min', 'max')
# the towers, and how the names of their modules begin: those of the public code, whose weights can thus be loaded
TOWERS = {'f1': 'f_1_', 'f2': 'f_2_', 'f_r': 'f_r_', 'f_mil': 'f_mil_'}
TESTS = {'f1': ('f1',), 'f2': ('f2',), 'mean': ('f1', 'f2')}


def is_labeled(samples: SampleList) -> bool:
    """Whether a batch is labeled, which the entry ``labeled`` of the meta information says (absent: it is).

    Raises:
        ValueError: If there is no sample, or if labeled and unlabeled ones are mixed.
    """
    flags = {bool(sample.metainfo.get('labeled', True)) for sample in samples}
    if len(flags) != 1:
        raise ValueError('a batch must hold images that are all labeled or all unlabeled, and at least one')
    return flags.pop()


class MIAODHeadMixin:
    """The towers f1, f2 (instance classifiers), f_r (box regressor) and f_mil (MIL classifier), and what is done with
    them. It comes before a subclass of MMDetection's ``AnchorHead`` among the bases of a class.

    Three stages (:meth:`set_stage`) have losses of their own. Source: public code, with the paper's as options.

    ======== ============================================ =============================================
    stage    labeled batch                                unlabeled batch
    ======== ============================================ =============================================
    label    loss_cls, loss_bbox, loss_imgcls             (none)
    min      loss_cls, loss_bbox, loss_imgcls             loss_wave_dis, loss_imgcls (of pseudo labels)
    max      loss_cls, loss_bbox                          loss_wave_dis_minus
    ======== ============================================ =============================================

    Terms that do not apply to a batch are there with the value 0. They keep all outputs in the graph, so that
    parameters that they do not reach have a gradient of 0 and not none. Everything is computed in float32.

    Args:
        param_lambda: Weight of the discrepancy.
        mil_weight: See :func:`~wsod_mm.functional.active_mil.mil_scores`; ``'per_class'`` joins all levels.
        one_class: What to do with one class, see there.
        pseudo_thresh: See :func:`~wsod_mm.functional.active_losses.pseudo_labels`.
        pseudo_strict: See there.
        det_cls_reduction: ``'mean'`` of the detection losses of the two classifiers (public code), or their ``'sum'``
            (paper).
        class_reduction: ``'mean'`` over classes in image loss and discrepancy (public code), or their ``'sum'``
            (paper).
        average_images: Divide the discrepancy by the number of images, see
            :func:`~wsod_mm.functional.active_losses.wave_dis_loss`.
        image_loss_in_max: Stage "max" has the image loss of labeled batches too (paper).
        test_with: Whose scores the detections have: ``'f1'`` (public code), ``'f2'``, or the ``'mean'`` of both.
        uncertainty: How images are scored, entries of
            ``dict(k=10000, distance='l2', reweight=False, aggregate='topk_mean')``; see
            :mod:`wsod_mm.functional.uncertainty`. ``reweight`` multiplies by the MIL scores.
        **kwargs: See the head.

    Raises:
        ValueError: For an unknown option.
    """

    # how probabilities are made of logits in the discrepancy and in testing
    activation = 'sigmoid'

    def __init__(
        self,
        *args,
        param_lambda: float = 0.5,
        mil_weight: str = 'max',
        one_class: str = 'sigmoid',
        pseudo_thresh: float = 0.5,
        pseudo_strict: bool = False,
        det_cls_reduction: str = 'mean',
        class_reduction: str = 'mean',
        average_images: bool = False,
        image_loss_in_max: bool = False,
        test_with: str = 'f1',
        uncertainty: dict | None = None,
        **kwargs,
    ) -> None:
        options = {'test_with': (test_with, TESTS), 'mil_weight': (mil_weight, MIL_WEIGHTS)}
        options |= {'one_class': (one_class, ONE_CLASS), 'class_reduction': (class_reduction, CLASS_REDUCTIONS)}
        options |= {'det_cls_reduction': (det_cls_reduction, CLASS_REDUCTIONS)}
        for name, (value, allowed) in options.items():
            if value not in allowed:
                raise ValueError(f'{name} must be one of {tuple(allowed)}, got {value!r}')
        scoring = dict(k=10000, distance='l2', reweight=False, aggregate='topk_mean')
        unknown = set(uncertainty or {}) - set(scoring)
        if unknown:
            raise ValueError(f'uncertainty has the entries {sorted(scoring)}, not {sorted(unknown)}')
        super().__init__(*args, **kwargs)
        self.param_lambda, self.average_images = param_lambda, average_images
        self.mil_weight, self.one_class = mil_weight, one_class
        self.pseudo_thresh, self.pseudo_strict = pseudo_thresh, pseudo_strict
        self.det_cls_reduction, self.class_reduction = det_cls_reduction, class_reduction
        self.image_loss_in_max, self.test_with = image_loss_in_max, test_with
        self.scoring = scoring | dict(uncertainty or {})
        self.stage = 'label'

    def set_stage(self, stage: str) -> None:
        """Choose the losses: ``'label'``, ``'min'`` or ``'max'``.

        Raises:
            ValueError: For another stage.
        """
        if stage not in STAGES:
            raise ValueError(f'stage must be one of {STAGES}, got {stage!r}')
        self.stage = stage

    def tower_of(self, name: str) -> str | None:
        """Name of the tower to which the parameter (named as in this head) belongs, or ``None``."""
        return next((tower for tower, prefix in TOWERS.items() if name.startswith(prefix)), None)

    def tower_parts(self, tower: str) -> tuple[nn.Module, ...]:
        """The modules of one tower, in the order of their names."""
        return tuple(module for name, module in self.named_children() if name.startswith(TOWERS[tower]))

    def forward_tower(self, tower: str, x: Sequence[Tensor]) -> list[Tensor]:
        """Output of one tower for all levels."""
        raise NotImplementedError

    def forward(self, x: Sequence[Tensor], towers: Sequence[str] = tuple(TOWERS)) -> tuple[list[Tensor], ...]:
        """Evaluate towers.

        Args:
            x: Features per level, ``[B, channels, H_l, W_l]``.
            towers: Which ones of f1, f2, f_r and f_mil.

        Returns:
            Per tower and level ``[B, N * C, H_l, W_l]`` (f_r: ``N * 4``), channel ``n * C + c`` for anchor n of the
            cell and class c.
        """
        return tuple(self.forward_tower(tower, x) for tower in towers)

    def loss(self, x: Sequence[Tensor], batch_data_samples: SampleList) -> dict:
        """Losses of a batch in the present stage.

        Args:
            x: Features per level.
            batch_data_samples: B samples. Unlabeled ones (``labeled=False`` in their meta information) need no
                ``gt_instances``; what they hold there is not looked at.

        Returns:
            See the class; each a list of scalars per level (SSD: per image, in detection) or one scalar.

        Raises:
            ValueError: If labeled and unlabeled images are mixed, or if unlabeled ones come in stage "label".
        """
        if is_labeled(batch_data_samples):
            return super().loss(x, batch_data_samples)
        return self.loss_unlabeled(*self(x))

    def loss_by_feat(
        self,
        f1: list[Tensor],
        f2: list[Tensor],
        f_r: list[Tensor],
        f_mil: list[Tensor],
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
        batch_gt_instances_ignore: InstanceList | None = None,
    ) -> dict:
        """Losses of a labeled batch.

        Args:
            f1: Output of :meth:`forward`.
            f2: See there.
            f_r: See there.
            f_mil: See there.
            batch_gt_instances: Per image ``bboxes`` and ``labels``, possibly none.
            batch_img_metas: Meta information with ``pad_shape`` and ``img_shape``.
            batch_gt_instances_ignore: Per image ``bboxes`` to be ignored.

        Returns:
            See :meth:`loss`.
        """
        with torch.autocast(f1[0].device.type, enabled=False):
            outs = tuple([level.float() for level in tower] for tower in (f1, f2, f_r, f_mil))
            pairs = [self._pair(*levels) for levels in zip(*outs[:2], strict=True)]
            losses = super().loss_by_feat(
                pairs, outs[2], batch_gt_instances, batch_img_metas, batch_gt_instances_ignore
            )
            if self.stage != 'max' or self.image_loss_in_max:
                target = multi_hot([instances.labels for instances in batch_gt_instances], self.cls_out_channels)
                scores = self.mil_scores(outs[0], outs[1], outs[3])
                losses['loss_imgcls'] = image_loss(scores, target, class_reduction=self.class_reduction)
            if self.stage != 'label':
                losses[self._wave_name()] = self._zeros(*outs)
        return losses

    def loss_unlabeled(
        self, f1: list[Tensor], f2: list[Tensor], f_r: list[Tensor], f_mil: list[Tensor]
    ) -> dict[str, Tensor | list[Tensor]]:
        """Losses of an unlabeled batch, which depend on no annotation.

        Args:
            f1: Output of :meth:`forward`.
            f2: See there.
            f_r: See there.
            f_mil: See there.

        Returns:
            See :meth:`loss`.

        Raises:
            ValueError: In stage "label".
        """
        if self.stage == 'label':
            raise ValueError("stage 'label' has no loss for unlabeled images; set_stage('min') or ('max') comes first")
        with torch.autocast(f1[0].device.type, enabled=False):
            outs = tuple([level.float() for level in tower] for tower in (f1, f2, f_r, f_mil))
            zeros = self._zeros(*outs)
            losses = dict(loss_cls=zeros, loss_bbox=[zero.detach() for zero in zeros])
            rows, scores = self._rows(*outs[:2]), self.mil_scores(outs[0], outs[1], outs[3])
            wave = wave_dis_loss if self.stage == 'min' else wave_dis_minus_loss
            options = self.param_lambda, self.activation, self.average_images, self.class_reduction
            values = wave(*rows, scores, *options)
            losses[self._wave_name()] = list(values.unbind())
            if self.stage == 'min':
                pseudo = dict(strict=self.pseudo_strict, class_reduction=self.class_reduction)
                losses['loss_imgcls'] = pseudo_image_loss(scores, *rows, self.pseudo_thresh, **pseudo).loss
        return losses

    def loss_by_feat_single(self, cls_score: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        """Detection losses of a level (SSD: of an image), the mean or sum of those of the two classifiers.

        Args:
            cls_score: Logits of both as :meth:`_pair` has them, in the layout of the head.
            *args: See the head.
            **kwargs: See the head.

        Returns:
            Loss of classification and of the boxes.
        """
        first, second = self._unpair(cls_score)
        loss_cls, loss_bbox = super().loss_by_feat_single(first, *args, **kwargs)
        loss_cls = loss_cls + super().loss_by_feat_single(second, *args, **kwargs)[0]
        return loss_cls / 2 if self.det_cls_reduction == 'mean' else loss_cls, loss_bbox

    def mil_scores(self, f1: Sequence[Tensor], f2: Sequence[Tensor], f_mil: Sequence[Tensor]) -> list[Tensor]:
        """Scores ``[B, A_l, C]`` of anchors, see :func:`~wsod_mm.functional.active_mil.mil_scores`.

        Args:
            f1: Output of :meth:`forward`.
            f2: See there.
            f_mil: See there.

        Returns:
            Per level, or for all levels in one with ``mil_weight='per_class'``.
        """
        return mil_scores(*self._rows(f1, f2, f_mil), mil_weight=self.mil_weight, one_class=self.one_class)

    def predict(self, x: Sequence[Tensor], batch_data_samples: SampleList, rescale: bool = False) -> InstanceList:
        """Detections; only the towers that they need are evaluated.

        Args:
            x: Features per level.
            batch_data_samples: B samples, of which the meta information is used.
            rescale: Give boxes in the original image.

        Returns:
            Per image ``bboxes``, ``scores`` and ``labels``.
        """
        *classifiers, f_r = self(x, (*TESTS[self.test_with], 'f_r'))
        scores = classifiers[0]
        if len(classifiers) == 2:
            scores = [mean_logits(*z, self.cls_out_channels, self.activation) for z in zip(*classifiers, strict=True)]
        metas = [sample.metainfo for sample in batch_data_samples]
        return self.predict_by_feat(scores, f_r, batch_img_metas=metas, rescale=rescale)

    @torch.no_grad()
    def uncertainty(self, x: Sequence[Tensor]) -> Tensor:
        """Uncertainty of images, for choosing those to be labeled. f_r is not evaluated, and f_mil only to reweight.

        Images of one batch share their padding, whose anchors count: give images of one shape.

        Args:
            x: Features per level.

        Returns:
            ``[B]`` float32 without gradient.
        """
        towers = self(x, ('f1', 'f2', 'f_mil') if self.scoring['reweight'] else ('f1', 'f2'))
        weights = self.mil_scores(*towers) if self.scoring['reweight'] else None
        instances = instance_uncertainty(*self._rows(*towers[:2]), weights, self.scoring['distance'])
        return image_uncertainty(instances, self.scoring['k'], self.scoring['aggregate'])

    def _rows(self, *towers: Sequence[Tensor]) -> list[list[Tensor]]:
        """Outputs as ``[B, A_l, C]`` per tower and level, in one level if the MIL scores need it."""
        rows = [[flatten_level(level, self.cls_out_channels) for level in tower] for tower in towers]
        return [[torch.cat(tower, dim=1)] for tower in rows] if self.mil_weight == 'per_class' else rows

    def _zeros(self, *outs: Sequence[Tensor]) -> list[Tensor]:
        """A loss of 0 per level that depends on all outputs."""
        return [zero_loss(levels) for levels in zip(*outs, strict=True)]

    def _wave_name(self) -> str:
        return 'loss_wave_dis' if self.stage == 'min' else 'loss_wave_dis_minus'

    def _pair(self, f1: Tensor, f2: Tensor) -> Tensor:
        """Logits of the two classifiers as if they were two anchors at the same place, in turn.

        So the targets are computed once for both.
        """
        first, second = (z.unflatten(1, (-1, self.cls_out_channels)) for z in (f1, f2))
        return torch.stack((first, second), dim=2).flatten(1, 3)

    def _unpair(self, cls_score: Tensor) -> tuple[Tensor, Tensor]:
        """Undo :meth:`_pair` for a level ``[B, N * 2 * C, H, W]``."""
        first, second = cls_score.unflatten(1, (-1, 2, self.cls_out_channels)).unbind(2)
        return first.flatten(1, 2), second.flatten(1, 2)
