"""Swin transformers: patches, then every attention block; patch merging goes with a stage's first."""

from typing import Any

from preseason.backbones.base import Split, families
from preseason.backbones.families.chains import Chain, Embed


def split(network: Any) -> Split:
    """Patch embedding and attention blocks (13 in Swin-Tiny)."""
    names, blocks = ["patches"], [network.patch_embed]
    for number, stage in enumerate(network.layers):
        for index, block in enumerate(stage.blocks):
            names.append(f"layers.{number}.{index}")
            blocks.append(Chain(stage.downsample, block) if index == 0 else block)
    blocks[-1] = Chain(blocks[-1], network.norm)
    return Split(tuple(names), tuple(blocks), "NHWC", 0, Embed(network))


families.add("SwinTransformer", split)
