"""R3D-18, MC3-18 and R(2+1)D-18 of torchvision (Tran et al. 2018, arXiv 1711.11248)."""

from typing import Any

from preseason.backbones.base import Split, clip_families
from preseason.backbones.video.pooling import MeanOfMap


def split(network: Any) -> Split:
    """Stem and residual blocks (9)."""
    names, blocks = ["stem"], [network.stem]
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for index, block in enumerate(getattr(network, stage)):
            names.append(f"{stage}.{index}")
            blocks.append(block)
    return Split(tuple(names), tuple(blocks), "NCTHW", 0, MeanOfMap())


clip_families.add("VideoResNet", split)
