"""ResNet and its kin: the stem, then every residual block is one block."""

from typing import Any

from preseason.backbones.base import Split, families
from preseason.backbones.families.chains import Chain, Embed


def split(network: Any) -> Split:
    """Stem and residual blocks (17 in ResNet-50)."""
    stem = Chain(network.conv1, network.bn1, network.act1, network.maxpool)
    names, blocks = ["stem"], [stem]
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for index, block in enumerate(getattr(network, stage)):
            names.append(f"{stage}.{index}")
            blocks.append(block)
    return Split(tuple(names), tuple(blocks), "NCHW", 0, Embed(network))


families.add("ResNet", split)
