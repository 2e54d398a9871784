"""Video Swin transformers of torchvision (Liu et al. 2022, arXiv 2106.13230)."""

from typing import Any

from torch import nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Chain
from preseason.backbones.video.pooling import MeanOfMap


def split(network: Any) -> Split:
    """Patch embedding and attention blocks (13 in Swin3D-T); patch merging goes with a stage's first."""
    names, blocks = ["patches"], [Chain(network.patch_embed, network.pos_drop)]
    merging: list[nn.Module] = []
    for number, stage in enumerate(network.features):
        if not isinstance(stage, nn.Sequential):
            merging = [stage]
            continue
        for index, block in enumerate(stage):
            names.append(f"features.{number}.{index}")
            blocks.append(Chain(*merging, block))
            merging = []
    blocks[-1] = Chain(blocks[-1], network.norm)
    return Split(tuple(names), tuple(blocks), "NTHWC", 0, MeanOfMap(channels_last=True))


clip_families.add("SwinTransformer3d", split)
