"""Score-CAM."""

from torch import Tensor

from wsod_mm.functional.cam_methods import activation_masks, score_cam_weights

from ..explained import Explained, LayerMaps
from ..rescoring_cam import RescoringCAM

__all__ = ['ScoreCAM']


class ScoreCAM(RescoringCAM):
    """Score-CAM (Wang et al.): channels weighted by the score of the image masked with them; one pass per channel."""

    def weighted(self, maps: LayerMaps, run: Explained) -> Tensor:
        """See :meth:`BaseCAM.weighted`."""
        size = (run.inputs.shape[-2], run.inputs.shape[-1])

        def score(image: int, channels: range) -> Tensor:
            masks = activation_masks(maps.activations[image : image + 1, channels.start : channels.stop], size)[0]
            return self.rescore(run, image, run.inputs[image] * masks[:, None].to(run.inputs))

        weights = score_cam_weights(self.channel_scores(run, maps.activations.shape[1], score))
        return weights[:, :, None, None].to(maps.activations) * maps.activations
