"""Where to look closer: attention over regions becomes windows around what counted most."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.engine.passes import Box

CELLS = 14
FIRST_SIDES, SECOND_SIDES = (0.36, 0.24), (0.30,)
"""Sides of the windows round the highest and the second highest peak, in units of the whole."""
NEAR_PEAK = 0.97
CROPS = 2 * (len(FIRST_SIDES) + len(SECOND_SIDES))


def windows(attention: Floats, regions: Sequence[Box], seed: int) -> tuple[Box, ...]:
    """`CROPS` windows on the two peaks of one example's attention, each plain and shifted and mirrored.

    Args:
        attention: float32 [p], attention of each region; sums to 1.
        regions: where these parts lie; the whole is no place and is left out.
        seed: of the shifts, so that one example always gets the same windows.
    """
    heat = _smooth(heat_map(attention, regions))
    rng = np.random.default_rng(seed)
    found: list[Box] = []
    for sides in (FIRST_SIDES, SECOND_SIDES):
        x, y = _peak(heat)
        for side in sides:
            found += [_square(x, y, side), _shifted(x, y, side, rng).mirrored()]
        _silence(heat, x, y)
    return tuple(found)


def crops_for(fingerprints: Sequence[str], attention: Floats, parts: Sequence[Box]) -> list[tuple[Box, ...]]:
    """The closer looks of each example, from its attention [n, p] over `parts`."""
    seeds = [int(hashlib.blake2b(f.encode(), digest_size=4).hexdigest(), 16) for f in fingerprints]
    return [windows(weights, parts, seed) for weights, seed in zip(attention, seeds, strict=True)]


def heat_map(attention: Floats, regions: Sequence[Box], cells: int = CELLS) -> NDArray[np.float64]:
    """Attention spread evenly over each region's cells and added up: float64 [cells, cells]."""
    heat = np.zeros((cells, cells))
    for weight, box in zip(attention, regions, strict=True):
        if box.x1 - box.x0 < 1 or box.y1 - box.y0 < 1:
            rows = slice(round(box.y0 * cells), max(round(box.y1 * cells), round(box.y0 * cells) + 1))
            columns = slice(round(box.x0 * cells), max(round(box.x1 * cells), round(box.x0 * cells) + 1))
            heat[rows, columns] += weight / heat[rows, columns].size
    return heat


def _smooth(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each cell and its neighbours; beyond the edge lies what is at the edge."""
    size, padded = len(heat), np.pad(heat, 1, mode="edge")
    rows = [padded[y : y + size] for y in range(3)]
    return np.asarray(np.mean([row[:, x : x + size] for row in rows for x in range(3)], axis=0))


def _peak(heat: NDArray[np.float64]) -> tuple[float, float]:
    """Centre of the cells close to the maximum."""
    rows, columns = np.nonzero(heat >= NEAR_PEAK * heat.max() if heat.max() > 0 else heat >= 0)
    return (float(columns.mean()) + 0.5) / len(heat), (float(rows.mean()) + 0.5) / len(heat)


def _silence(heat: NDArray[np.float64], x: float, y: float) -> None:
    row, column = int(y * len(heat)), int(x * len(heat))
    heat[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = -1


def _square(x: float, y: float, side: float) -> Box:
    """The square of `side` around a point, moved inside the whole."""
    x0, y0 = (float(np.clip(centre - side / 2, 0, 1 - side)) for centre in (x, y))
    return Box(*(round(value, 4) for value in (x0, y0, x0 + side, y0 + side)))


def _shifted(x: float, y: float, side: float, rng: np.random.Generator) -> Box:
    other = side * float(rng.uniform(0.8, 1.25))
    dx, dy = rng.uniform(-0.12, 0.12, 2) * other
    return _square(x + float(dx), y + float(dy), other)
