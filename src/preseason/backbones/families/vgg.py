"""VGG: a block ends with each pooling layer; the two large dense layers belong to the embedding."""

from typing import Any

from torch import nn

from preseason.backbones.base import Split, families
from preseason.backbones.families.chains import Chain, Embed


def split(network: Any) -> Split:
    """Five convolutional blocks."""
    groups: list[list[nn.Module]] = [[]]
    for layer in network.features:
        groups[-1].append(layer)
        if isinstance(layer, nn.MaxPool2d):
            groups.append([])
    blocks = tuple(Chain(*group) for group in groups if group)
    names = tuple(f"block{index + 1}" for index in range(len(blocks)))
    return Split(names, blocks, "NCHW", 0, Embed(network))


families.add("VGG", split)
