"""Which blocks of a network give the maps that things are found on."""

from typing import TYPE_CHECKING

from preseason.engine.feeds.maps import map_shapes
from preseason.engine.graphs.pictures import FrozenMaps
from preseason.engine.passes import FeatureSpec
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

STRIDES = (4, 8, 16, 32)
SIDE = 128
WIDEST = 1024
"""Channels; a wider last convolution would fill most of the bank and tells little of places."""


def levels_of(backbone: "Backbone") -> dict[int, int]:
    """By stride the last block with such a map.

    Raises:
        UsageError: the network takes pictures of one size alone, or gives no maps of strides 8, 16 and 32.
    """
    found: dict[int, int] = {}
    if backbone.preprocessing.resizable:
        blocks = tuple(range(len(backbone)))
        shapes = map_shapes(FrozenMaps(backbone, FeatureSpec(SIDE, blocks=blocks)), (SIDE, SIDE))
        for block, (channels, height, _) in enumerate(shapes):
            stride = SIDE // height
            if stride in STRIDES and (channels <= WIDEST or stride not in found):
                found[stride] = block
    if not {8, 16, 32} <= set(found):
        raise UsageError(
            f"--backbone {backbone.name} gives no maps of several scales of pictures of any size: name a "
            "convolutional network such as efficientnet_lite0 or resnet50, or leave --backbone out."
        )
    return found
