"""Ablation-CAM."""

import torch
from torch import Tensor

from wsod_mm.functional.cam_methods import ablation_weights

from ..explained import Explained, LayerMaps
from ..layer_hooks import LayerHooks
from ..rescoring_cam import RescoringCAM

__all__ = ['AblationCAM']


class AblationCAM(RescoringCAM):
    """Ablation-CAM (Desai and Ramaswamy): channels weighted by what the score loses without them; one pass per
    channel."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""

        def score(image: int, channels: range) -> Tensor:
            def drop(number: int, tensor: Tensor) -> Tensor | None:
                if number != maps.number:
                    return None
                changed = tensor.clone()
                rows = changed.movedim(maps.channel_dim, 1)
                rows[torch.arange(len(channels)), torch.arange(channels.start, channels.stop)] = 0
                return changed

            with LayerHooks(self.layers, drop):
                return self.rescore(run, image, run.inputs[image].expand(len(channels), -1, -1, -1))

        scores = torch.stack([t(o).reshape(()).float() for t, o in zip(run.targets, run.outputs, strict=True)])
        weights = ablation_weights(scores, self.channel_scores(run, maps.activations.shape[1], score))
        return weights[:, :, None, None].to(maps.activations) * maps.activations
