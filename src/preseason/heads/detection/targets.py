"""What the network is to answer: a bell over each box's middle, and the distances to its edges there."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats, Ints

SPREAD = 6.0
"""A bell's standard deviation is the box's side divided by it."""
NARROWEST = 0.45
"""In cells; a narrower bell would miss every cell's middle."""
INSIDE = 0.3
"""Height of the bell from which on a cell answers for the box."""


@dataclass(frozen=True)
class Targets:
    """Of a crop with h x w cells.

    Attributes:
        heat: float32 [c, h, w], 1 at the middle of each box.
        edges: float32 [4, h, w], left, top, right, bottom: distance to the edges, in cells.
        weight: float32 [h, w], how much a cell answers for its box; the weights of a box add up to 1.
        count: boxes in the crop.
    """

    heat: Floats
    edges: Floats
    weight: Floats
    count: int


def draw(boxes: Floats, labels: Ints, shape: tuple[int, int], stride: int, classes: int) -> Targets:
    """The targets of boxes float32 [n, 4] in pixels of the crop, of those whose middle lies inside."""
    high, wide = shape
    heat = np.zeros((classes, high, wide), np.float32)
    edges = np.zeros((4, high, wide), np.float32)
    weight = np.zeros((high, wide), np.float32)
    cells = boxes / stride
    areas = (cells[:, 2] - cells[:, 0]) * (cells[:, 3] - cells[:, 1])
    count = 0
    # Large boxes first: where two overlap, the smaller one's cells are its own.
    for place in np.argsort(-areas, kind="stable"):
        x0, y0, x1, y1 = cells[place]
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        if not (0 <= x < wide and 0 <= y < high):
            continue
        count += 1
        _bell(heat[labels[place]], edges, weight, (float(x0), float(y0), float(x1), float(y1)))
    return Targets(heat, edges, weight, count)


def _bell(heat: Floats, edges: Floats, weight: Floats, box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = box
    sx, sy = max((x1 - x0) / SPREAD, NARROWEST), max((y1 - y0) / SPREAD, NARROWEST)
    column, row = int((x0 + x1) / 2), int((y0 + y1) / 2)
    left, right = max(0, column - int(3 * sx) - 1), min(heat.shape[1], column + int(3 * sx) + 2)
    top, bottom = max(0, row - int(3 * sy) - 1), min(heat.shape[0], row + int(3 * sy) + 2)
    xs, ys = np.arange(left, right), np.arange(top, bottom)
    bell = np.outer(
        np.exp(-((ys - row) ** 2) / (2 * sy * sy)), np.exp(-((xs - column) ** 2) / (2 * sx * sx))
    ).astype(np.float32)
    window = (slice(top, bottom), slice(left, right))
    np.maximum(heat[window], bell, out=heat[window])
    middle_x, middle_y = xs[None, :] + 0.5, ys[:, None] + 0.5
    distances = np.broadcast_arrays(middle_x - x0, middle_y - y0, x1 - middle_x, y1 - middle_y)
    inside = (bell >= INSIDE) & (np.min(np.stack(distances), axis=0) > 0)
    inside[row - top, column - left] = True
    for each, distance in zip(edges, distances, strict=True):
        each[window][inside] = np.maximum(distance[inside], 0.05)
    weight[window][inside] = (bell / bell[inside].sum())[inside]
