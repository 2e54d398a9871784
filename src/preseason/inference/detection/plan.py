"""How pictures are fed and which maps are read, decided once from the labelled boxes."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.engine.canvas import STRIDE, Canvas, canvas_for
from preseason.engine.passes import WHOLE, Box, FeatureSpec
from preseason.inference.detection.tiles import Tile, tiles_of

SMALL, THIN = 12.0, 16.0
"""Pixels at the network: three cells of stride 4; two of stride 8, a side below which that is too coarse."""
LEAST, MOST = 448, 1600
"""Bounds of the longer side of what is fed at a time."""
LARGEST = 4096
"""Bound of the longer side of a picture in tiles."""
TILES, OVERLAP = (608, 960), 64
"""Bounds of a tile's side, and what neighbours share at least, in pixels at the network."""
ENOUGH = 24.0
"""Pixels at the network from which on the smallest tenth of the objects is seen well."""
ENLARGED = 2.0
CROPS = 256, 416
"""Bounds of the side of the pieces that are learnt from."""


@dataclass(frozen=True)
class Plan:
    """How pictures are fed and read.

    Attributes:
        longest: pixels of a picture's longer side at the network.
        blocks: of the network whose maps are read, the finest first.
        strides: of these maps.
        median: of all labelled objects, the root of the area in pixels at the network.
        smallest: the same, of the smallest tenth.
        tile: side of the tiles that pictures are cut into, in pixels at the network; 0 where they are fed
            whole.
        overlap: the least that neighbouring tiles share, in the same pixels.
        large: nine in ten objects are no longer than this, in the same pixels; 0 in models from before it
            was told.
    """

    longest: int
    blocks: tuple[int, ...]
    strides: tuple[int, ...]
    median: float
    smallest: float
    tile: int = 0
    overlap: int = 0
    large: float = 0.0

    @property
    def fed(self) -> int:
        """Pixels of the longer side of what is fed at a time."""
        return self.tile or self.longest

    @property
    def crop(self) -> int:
        """Side of the pieces that are learnt from, in pixels at the network: most objects fit in twice.

        The smaller the pieces, the more of them, and so steps, the time allows.
        """
        return min(CROPS[1], _up(self.fed), max(CROPS[0], _up(2 * self.large)))

    def tiles(self, size: tuple[int, int]) -> tuple[Tile, ...]:
        """The parts in which a picture of this height and width is fed, the whole where that is one."""
        return tiles_of(size, self.longest, self.tile, self.overlap) if self.tile else (Tile(),)

    def spec(self, shape: tuple[int, int]) -> FeatureSpec:
        """The pass over looks of this height and width."""
        height, width = shape
        return FeatureSpec(
            width, crops=(), dynamic_crops=1, blocks=self.blocks, kept="maps", height=height,
            longest=self.fed,
        )  # fmt: skip

    def canvas(self, size: tuple[int, int], part: Box = WHOLE) -> Canvas:
        """Where a part of a picture of this height and width lies on what is fed."""
        return canvas_for(size, self.fed, part)

    def sentence(self) -> str:
        """What was decided, for the user."""
        cut = (
            f", in tiles of {self.tile} that overlap by {self.overlap} or more, here and in use"
            if self.tile
            else ""
        )
        return (
            f"The network sees pictures at {self.longest} pixels on the longer side{cut}. There the median "
            f"object is {self.median:.0f} pixels wide, the smallest tenth {self.smallest:.0f} or less. Boxes "
            f"are predicted every {self.strides[0]} pixels."
        )

    def values(self) -> dict[str, Any]:
        """As JSON values; `plan_from` reads them."""
        return asdict(self)


def plan_from(values: dict[str, Any]) -> Plan:
    """The plan whose `values` these are."""
    lists = {name: tuple(int(n) for n in values[name]) for name in ("blocks", "strides")}
    return Plan(**{**values, **lists})


def decide(sizes: Ints, boxes: Sequence[Floats], levels: dict[int, int], longest: int | None = None) -> Plan:
    """The plan for pictures with these boxes.

    Args:
        sizes: int64 [n, 2], height and width of each picture.
        boxes: n times float32 [k, 4], edges in 0..1.
        levels: of the network, by stride the block whose map is read.
        longest: pixels of the longer side where the user named them.
    """
    sides = np.concatenate([_sides(b, size) for b, size in zip(boxes, sizes, strict=True)])
    areas = np.sqrt(sides.prod(axis=1))
    usual = float(np.median(sizes.max(axis=1)))
    # Sides relative to a picture's longer one: pictures of several sizes are all fed at one.
    smallest, median = (float(np.quantile(areas, share)) for share in (0.1, 0.5))
    if longest is None:
        longest = round(float(np.clip(_wanted(usual, smallest * usual), LEAST, LARGEST)))
    fed = -(-longest // STRIDE) * STRIDE
    thin = float(np.quantile(sides.min(axis=1), 0.25)) * fed
    strides = sorted(stride for stride in levels if stride >= (4 if thin < THIN else 8))
    large = float(np.quantile(sides.max(axis=1), 0.9)) * fed
    tile, overlap = _tile(sizes, median * fed, large, fed) if fed > MOST else (0, 0)
    blocks = tuple(levels[s] for s in strides)
    return Plan(fed, blocks, tuple(strides), median * fed, smallest * fed, tile, overlap, large)


def _tile(sizes: Ints, median: float, large: float, longest: int) -> tuple[int, int]:
    """Side and overlap of tiles for things of these sides, in pixels at the network.

    The overlap is twice the median thing, and nine in ten fit into it: of what lies on a seam both tiles see
    all. Of the sides, the one whose tiles have the fewest pixels together on the middling picture.
    """
    overlap = int(np.clip(_up(max(2 * median, large)), OVERLAP, MOST // 2))
    middling = sizes[np.argsort(sizes.min(axis=1) / sizes.max(axis=1))[len(sizes) // 2]]
    size = (int(middling[0]), int(middling[1]))
    least = max(TILES[0], _up(2.5 * overlap))
    choice = range(least, max(TILES[1], least) + 1, STRIDE)
    return min(choice, key=lambda side: len(tiles_of(size, longest, side, overlap)) * side**2), overlap


def _up(pixels: float) -> int:
    return math.ceil(round(pixels, 3) / STRIDE) * STRIDE


def _sides(boxes: Floats, size: Ints) -> Floats:
    """Width and height of boxes, in units of the picture's longer side."""
    height, width = size / size.max()
    sides = (boxes[:, 2:] - boxes[:, :2]) * np.array([width, height])
    return np.asarray(sides, np.float32)


def _wanted(usual: float, smallest: float) -> float:
    """The longer side that makes the smallest tenth of objects well visible, and no more than is there."""
    if smallest < SMALL:
        return usual * min(ENLARGED, SMALL / max(smallest, 1e-6))
    return usual * min(1.0, max(ENOUGH / smallest, 640 / usual))
