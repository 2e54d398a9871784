"""From the maps of a detection graph to boxes: the highest peaks, and of overlapping ones the surest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.engine.canvas import Canvas

MOST = 100
"""Boxes of a picture, as COCO counts them."""
CANDIDATES = 400
LEAST = 0.01
"""Scores below it are not looked at."""
OVERLAP = 0.6
"""Two boxes of one class that overlap more are one thing."""


@dataclass(frozen=True)
class Found:
    """Boxes of one picture, the surest first.

    Attributes:
        boxes: float32 [n, 4], x0 y0 x1 y1.
        scores: float32 [n], 0..1.
        labels: int64 [n].
    """

    boxes: Floats
    scores: Floats
    labels: Ints

    def take(self, chosen: Ints) -> "Found":
        """Some of the boxes."""
        return Found(self.boxes[chosen], self.scores[chosen], self.labels[chosen])


def boxes_of(peaks: Floats, edges: Floats, stride: int) -> Found:
    """The boxes of one picture, in pixels of what was fed.

    Args:
        peaks: float32 [c, h, w], scores where they are highest around, else 0.
        edges: float32 [4, h, w], distances to left, top, right, bottom, in cells.
        stride: pixels a cell.
    """
    high, wide = peaks.shape[1:]
    flat = peaks.reshape(-1)
    places = np.flatnonzero(flat > LEAST)
    if len(places) > CANDIDATES:
        places = places[np.argpartition(-flat[places], CANDIDATES)[:CANDIDATES]]
    places = places[np.argsort(-flat[places], kind="stable")]
    labels, cells = np.divmod(places, high * wide)
    rows, columns = np.divmod(cells, wide)
    left, top, right, bottom = edges[:, rows, columns]
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=1).astype(np.float32) * stride
    found = Found(boxes, flat[places].astype(np.float32), labels.astype(np.int64))
    return found.take(without_doubles(found)[:MOST])


def on_picture(peaks: Floats, edges: Floats, stride: int, canvas: Canvas) -> Found:
    """The boxes of what was fed, as `boxes_of`, in 0..1 of the picture; those beside it are left out."""
    found = boxes_of(peaks, edges, stride)
    lifted = canvas.lifted(found.boxes)
    there = np.flatnonzero((lifted[:, 2] > lifted[:, 0]) & (lifted[:, 3] > lifted[:, 1]))
    return replace(found, boxes=lifted).take(there)


def joined(parts: Sequence[Found]) -> Found:
    """What was found on the tiles of one picture, in 0..1 of it, as of one picture, without doubles."""
    scores = np.concatenate([each.scores for each in parts])
    whole = Found(
        np.concatenate([each.boxes for each in parts]), scores, np.concatenate([p.labels for p in parts])
    ).take(np.argsort(-scores, kind="stable"))
    return whole.take(without_doubles(whole)[:MOST])


def without_doubles(found: Found, overlap: float = OVERLAP) -> Ints:
    """Places of the boxes that stay when of two of one class that overlap the surer alone does."""
    if len(found.scores) == 0:
        return np.zeros(0, np.int64)
    shared = overlaps(found.boxes, found.boxes)
    rivals = (shared > overlap) & (found.labels[:, None] == found.labels[None, :])
    kept: list[int] = []
    gone = np.zeros(len(found.scores), np.bool_)
    for place in range(len(found.scores)):
        if not gone[place]:
            kept.append(place)
            gone |= rivals[place]
    return np.array(kept, np.int64)


def overlaps(one: Floats, other: Floats) -> Floats:
    """IoU of every box of one [n, 4] with every box of the other [m, 4]: float32 [n, m]."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - both
    return np.asarray(both / np.maximum(union, 1e-12), np.float32)
