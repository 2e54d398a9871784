"""ConvNeXt: the stem, then every residual block; a stage's downsampling goes with its first block."""

from typing import Any

from preseason.backbones.base import Split, families
from preseason.backbones.families.chains import Chain, Embed


def split(network: Any) -> Split:
    """Stem and residual blocks (19 in ConvNeXt-Tiny)."""
    names, blocks = ["stem"], [network.stem]
    for number, stage in enumerate(network.stages):
        for index, block in enumerate(stage.blocks):
            names.append(f"stages.{number}.{index}")
            blocks.append(Chain(stage.downsample, block) if index == 0 else block)
    blocks[-1] = Chain(blocks[-1], network.norm_pre)
    return Split(tuple(names), tuple(blocks), "NCHW", 0, Embed(network))


families.add("ConvNeXt", split)
