"""Pictures with boxes as looks in the feature bank."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.data.dataset import Sample, Skipped
from preseason.engine.bank import Rows
from preseason.engine.canvas import Canvas
from preseason.engine.extract import Extractor, Order
from preseason.engine.feeds.maps import map_shapes
from preseason.engine.graphs.pictures import FrozenMaps
from preseason.engine.passes import Box
from preseason.heads.detection.crops import View
from preseason.inference.detection.plan import Plan
from preseason.inference.predictor import FeatureExtractors
from preseason.runtime.progress import Progress

COLOURS = "colours"
"""The variant of a sample whose decoder shows it in another light."""
EMPTY = 2
"""Tiles of a picture without a labelled box that are learnt from."""
MOST_TILES, FEWEST_TILES = 1200, 3
"""Tiles of all pictures, and of one, that are learnt from at most, where boxes lie in more."""


@dataclass(frozen=True)
class Labelled:
    """n labelled pictures as arrays.

    Attributes:
        sizes: int64 [n, 2], height and width in pixels.
        boxes: n times float32 [k, 4], edges in 0..1.
        labels: n times int64 [k].
    """

    samples: tuple[Sample, ...]
    sizes: Ints
    boxes: tuple[Floats, ...]
    labels: tuple[Ints, ...]


@dataclass(frozen=True)
class Looks:
    """What the bank holds of n pictures.

    Attributes:
        views: n times the looks of a picture, the plain one first; none of those that cannot be read.
        canvases: n times where the plain look lies, or the first of its tiles.
        samples: the n pictures.
    """

    views: list[list[View]]
    canvases: list[Canvas]
    samples: tuple[Sample, ...]
    skipped: tuple[Skipped, ...]


def labelled(samples: Sequence[Sample], sizes: Ints, names: Sequence[str]) -> Labelled:
    """Pictures whose `boxes` are labelled, with classes as numbers."""
    number = {name: place for place, name in enumerate(names)}
    boxes = tuple(
        np.array([(b.x0, b.y0, b.x1, b.y1) for b in sample.boxes or ()], np.float32).reshape(-1, 4)
        for sample in samples
    )
    labels = tuple(np.array([number[b.label] for b in s.boxes or ()], np.int64) for s in samples)
    return Labelled(tuple(samples), sizes, boxes, labels)


@dataclass(frozen=True)
class _Look:
    """A part of a picture, in its own or other colours."""

    part: Box
    variant: str = ""


def looks_at(
    extractors: FeatureExtractors,
    plan: Plan,
    pictures: Labelled,
    progress: Progress,
    stage: str,
    altered: bool = True,
) -> Looks:
    """The looks of all pictures, computed where the bank lacks them; a shelf for each shape.

    Args:
        altered: have each look mirrored and in another light as well.
    """
    looks = [_looks(plan, pictures, place, altered) for place in range(len(pictures.samples))]
    sizes = [(int(high), int(wide)) for high, wide in pictures.sizes]
    wanted: dict[tuple[int, int], list[tuple[int, _Look, Canvas]]] = defaultdict(list)
    for place, several in enumerate(looks):
        for look in several:
            canvas = plan.canvas(sizes[place], look.part)
            wanted[canvas.shape].append((place, look, canvas))
    views: list[list[View]] = [[] for _ in looks]
    skipped: dict[str, Skipped] = {}
    backbone = extractors.backbone.loaded()
    for shape, orders in wanted.items():
        extractor = extractors.extractor(plan.spec(shape))
        if not isinstance(extractor, Extractor):
            raise TypeError(f"received {extractor!r}, expected an Extractor")
        asked = [
            Order(replace(pictures.samples[place], variant=look.variant), (look.part,))
            for place, look, _ in orders
        ]
        found = extractor.extract(asked, progress, stage)
        skipped |= {each.path: each for each in found.failed}
        shapes = tuple(map_shapes(FrozenMaps(backbone, plan.spec(shape)), shape))
        rows = found.rows
        for row, order in enumerate(found.kept):
            place, _, canvas = orders[order]
            maps = rows.mapped(row) if isinstance(rows, Rows) else rows[row]
            boxes = canvas.placed(pictures.boxes[place])
            seen = _inside(boxes, canvas)
            views[place].append(View(maps, shapes, boxes[seen], pictures.labels[place][seen]))
    canvases = [plan.canvas(size, several[0].part) for size, several in zip(sizes, looks, strict=True)]
    return Looks(views, canvases, pictures.samples, tuple(skipped.values()))


def _looks(plan: Plan, pictures: Labelled, place: int, altered: bool) -> list[_Look]:
    """What is looked at of a picture: the whole, or tiles with boxes and some without; and these altered."""
    height, width = pictures.sizes[place]
    tiles = plan.tiles((int(height), int(width)))
    if len(tiles) > 1:
        rng = np.random.default_rng(place)
        most = max(FEWEST_TILES, MOST_TILES // len(pictures.samples))
        order = [tiles[i] for i in rng.permutation(len(tiles))]
        bears = [bool(tile.owns(pictures.boxes[place]).any()) for tile in order]
        full = [tile for tile, has in zip(order, bears, strict=True) if has][:most]
        tiles = (*full, *[tile for tile, has in zip(order, bears, strict=True) if not has][:EMPTY])
    looks = [_Look(tile.part) for tile in tiles]
    return looks + [_Look(look.part.mirrored(), COLOURS) for look in looks if altered]


def _inside(boxes: Floats, canvas: Canvas) -> NDArray[np.bool_]:
    """Which boxes in pixels of the canvas have their middle on the picture's part, bool [n]."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    across = (x >= 0) & (x <= canvas.inner_width)
    return np.asarray(across & (y >= 0) & (y <= canvas.inner_height))
