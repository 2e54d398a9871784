"""V-JEPA 2 of transformers (Assran et al. 2025, arXiv 2506.09985): the encoder, without the predictor."""

from typing import Any

from torch import nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Chain
from preseason.backbones.video.pooling import FirstOutput, MeanOfTokens, TimeFirst


def split(network: Any) -> Split:
    """Tubes and attention layers (25 in the large network), embedded by the mean of all tokens."""
    return _split(network.encoder, network.config, MeanOfTokens())


def split_classifier(network: Any) -> Split:
    """The same, embedded by the attentive pooler that was trained with the classifier."""
    return _split(network.vjepa2.encoder, network.config, network.pooler)


def _split(encoder: Any, config: Any, embed: nn.Module) -> Split:
    blocks: list[nn.Module] = [TimeFirst(encoder.embeddings), *map(FirstOutput, encoder.layer)]
    blocks[-1] = Chain(blocks[-1], encoder.layernorm)
    names = ("tubes", *(f"layer.{index}" for index in range(len(encoder.layer))))
    steps = config.frames_per_clip // config.tubelet_size
    return Split(names, tuple(blocks), "NTLC", 0, embed, steps=steps)


clip_families.add("VJEPA2Model", split)
clip_families.add("VJEPA2ForVideoClassification", split_classifier)
