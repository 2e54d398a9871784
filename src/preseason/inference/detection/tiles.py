"""Overlapping tiles of a picture whose things are too small for it to be fed whole."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.engine.passes import WHOLE, Box


@dataclass(frozen=True)
class Tile:
    """A part of a picture that is fed on its own.

    Attributes:
        part: what is fed, in 0..1 of the picture.
        core: what the tile answers for: the cores of all tiles cover the picture and share edges alone.
    """

    part: Box = WHOLE
    core: Box = WHOLE

    def owns(self, boxes: Floats) -> NDArray[np.bool_]:
        """Which boxes float32 [n, 4] in 0..1 of the picture have their middle in the core, bool [n]."""
        x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        across = (self.core.x0 <= x) & ((x < self.core.x1) | (self.core.x1 == 1))
        return np.asarray(across & (self.core.y0 <= y) & ((y < self.core.y1) | (self.core.y1 == 1)))


def tiles_of(size: tuple[int, int], longest: int, side: int, overlap: int) -> tuple[Tile, ...]:
    """The tiles of a picture of `size` (height, width) whose longer side is `longest` pixels at the network.

    Args:
        side: of a tile, in pixels at the network.
        overlap: the least that neighbours share, in the same pixels.

    Example:
        >>> [tile.part for tile in tiles_of((500, 1000), 1000, 600, 100)]
        [Box(x0=0.0, y0=0.0, x1=0.6, y1=1.0), Box(x0=0.4, y0=0.0, x1=1.0, y1=1.0)]
    """
    scale = longest / max(size)
    rows, columns = (_spans(length * scale, side, overlap) for length in size)
    return tuple(
        Tile(Box(x0, y0, x1, y1), Box(left, top, right, bottom))
        for y0, y1, top, bottom in rows
        for x0, x1, left, right in columns
    )


def _spans(length: float, side: int, overlap: int) -> list[tuple[float, float, float, float]]:
    """Begin and end of each tile along one side, and of its core, in 0..1."""
    if length <= side:
        return [(0.0, 1.0, 0.0, 1.0)]
    count = math.ceil((length - overlap) / (side - overlap))
    begins = np.linspace(0, length - side, count)
    # A thing on the seam lies whole in both tiles: half their overlap is on either side of it.
    seams = [0.0, *((begins[1:] + begins[:-1] + side) / 2), length]
    return [
        (float(begin / length), float((begin + side) / length), float(low / length), float(high / length))
        for begin, low, high in zip(begins, seams[:-1], seams[1:], strict=True)
    ]
