"""TimeSformer of transformers (Bertasius et al. 2021, arXiv 2102.05095)."""

from typing import Any

from torch import nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Chain
from preseason.backbones.video.pooling import FirstOutput, FirstToken, TimeFirst


def split(network: Any) -> Split:
    """Patches and attention layers (13 in the base network); all times of a place stand together."""
    model = network.timesformer
    blocks: list[nn.Module] = [TimeFirst(model.embeddings), *map(FirstOutput, model.encoder.layer)]
    blocks[-1] = Chain(blocks[-1], model.layernorm)
    names = ("patches", *(f"layer.{index}" for index in range(len(model.encoder.layer))))
    return Split(names, tuple(blocks), "NLTC", 1, FirstToken(), steps=network.config.num_frames)


clip_families.add("TimesformerForVideoClassification", split)
