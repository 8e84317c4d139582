"""What CASD adds to refinement: Inverted Attention and the two self-distillation losses."""

from .consistency_losses import ImageWiseLoss, LayerWiseLoss
from .inverted_attention import InvertedAttention

__all__ = ['ImageWiseLoss', 'InvertedAttention', 'LayerWiseLoss']
