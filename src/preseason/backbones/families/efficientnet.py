"""EfficientNet, MobileNetV2 and MobileNetV3: the stem, each stage, and the last convolution."""

from typing import Any

from preseason.backbones.base import Split, families
from preseason.backbones.families.chains import Chain, Embed


def split(network: Any) -> Split:
    """Stem, stages and head convolution (nine blocks in EfficientNet-Lite0)."""
    names, blocks = _stages(network)
    names.append("head")
    blocks.append(Chain(network.conv_head, network.bn2))
    return Split(tuple(names), tuple(blocks), "NCHW", 0, Embed(network))


def split_pooled_head(network: Any) -> Split:
    """MobileNetV3 pools before its last convolution, which so belongs to the embedding."""
    names, blocks = _stages(network)
    return Split(tuple(names), tuple(blocks), "NCHW", 0, Embed(network))


def _stages(network: Any) -> tuple[list[str], list[Any]]:
    names, blocks = ["stem"], [Chain(network.conv_stem, network.bn1)]
    for index, stage in enumerate(network.blocks):
        names.append(f"stage{index}")
        blocks.append(stage)
    return names, blocks


families.add("EfficientNet", split)
families.add("MobileNetV3", split_pooled_head)
