"""Pictures with boxes as looks in the feature bank."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.data.dataset import Sample, Skipped
from preseason.engine.bank import Rows
from preseason.engine.canvas import Canvas
from preseason.engine.extract import Extractor, Order
from preseason.engine.feeds.maps import map_shapes
from preseason.engine.graphs.pictures import FrozenMaps
from preseason.engine.passes import WHOLE, Box
from preseason.heads.detection.crops import View
from preseason.inference.detection.plan import Plan
from preseason.inference.predictor import FeatureExtractors
from preseason.runtime.progress import Progress

MIRRORED = WHOLE.mirrored()


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
        canvases: n times where the plain look lies.
    """

    views: list[list[View]]
    canvases: list[Canvas]
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


def looks_at(
    extractors: FeatureExtractors,
    plan: Plan,
    pictures: Labelled,
    progress: Progress,
    stage: str,
    parts: Sequence[Box] = (WHOLE, MIRRORED),
) -> Looks:
    """The looks of all pictures, computed where the bank lacks them; a shelf for each shape."""
    canvases = [[plan.canvas((int(h), int(w)), part) for part in parts] for h, w in pictures.sizes]
    wanted: dict[tuple[int, int], list[tuple[int, Canvas]]] = defaultdict(list)
    for place, several in enumerate(canvases):
        for canvas in several:
            wanted[canvas.shape].append((place, canvas))
    views: list[list[View]] = [[] for _ in canvases]
    skipped: dict[str, Skipped] = {}
    backbone = extractors.backbone.loaded()
    for shape, orders in wanted.items():
        extractor = extractors.extractor(plan.spec(shape))
        if not isinstance(extractor, Extractor):
            raise TypeError(f"received {extractor!r}, expected an Extractor")
        asked = [Order(pictures.samples[place], (canvas.part,)) for place, canvas in orders]
        found = extractor.extract(asked, progress, stage)
        skipped |= {each.path: each for each in found.failed}
        shapes = tuple(map_shapes(FrozenMaps(backbone, plan.spec(shape)), shape))
        rows = found.rows
        for row, order in enumerate(found.kept):
            place, canvas = orders[order]
            maps = rows.mapped(row) if isinstance(rows, Rows) else rows[row]
            boxes = canvas.placed(pictures.boxes[place])
            views[place].append(View(maps, shapes, boxes, pictures.labels[place]))
    return Looks(views, [several[0] for several in canvases], tuple(skipped.values()))
