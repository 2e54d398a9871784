"""S3D of torchvision (Xie et al. 2018, arXiv 1712.04851)."""

from typing import Any

from torch import nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Chain
from preseason.backbones.video.pooling import MeanOfWindows

NAMES = ("stem", "conv", "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")


def split(network: Any) -> Split:
    """Stem, convolutions and Inception blocks (11); a block ends with the pooling after it."""
    groups: list[list[nn.Module]] = []
    for index, layer in enumerate(network.features):
        # The convolutions between the first two poolings are one block.
        if index in {0, 2} or (index > 4 and not isinstance(layer, nn.MaxPool3d)):
            groups.append([])
        groups[-1].append(layer)
    return Split(NAMES, tuple(Chain(*group) for group in groups), "NCTHW", 0, MeanOfWindows())


clip_families.add("S3D", split)
