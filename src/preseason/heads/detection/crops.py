"""Random crops of cached maps: what an epoch learns from, with the targets of each crop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from preseason.arrays.types import Floats, Ints
from preseason.engine.canvas import STRIDE
from preseason.heads.detection.targets import Targets, draw

ON_BOX = 0.7
"""Share of crops that are laid around a labelled box; the rest lie anywhere."""


@dataclass(frozen=True)
class View:
    """One look at a picture, in the bank.

    Attributes:
        row: the maps one after the other, float16, as they lie on disk.
        shapes: channels, height and width of each map, the finest first.
        boxes: float32 [n, 4] in pixels of the look.
        labels: int64 [n].
    """

    row: NDArray[Any]
    shapes: tuple[tuple[int, int, int], ...]
    boxes: Floats
    labels: Ints

    def maps(self) -> list[NDArray[Any]]:
        """Each map [c, h, w], not yet read."""
        ends = np.cumsum([c * h * w for c, h, w in self.shapes])
        parts = (self.row[end - c * h * w : end] for end, (c, h, w) in zip(ends, self.shapes, strict=True))
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]


@dataclass(frozen=True)
class Batch:
    """Crops: maps [n, c, h, w] each, the finest first, and their targets, stacked."""

    maps: list[Tensor]
    heat: Tensor
    edges: Tensor
    weight: Tensor
    counts: Tensor


def batch_of(
    views: Sequence[View], side: int, first: int, classes: int, stride: int, rng: np.random.Generator
) -> Batch:
    """One random crop of `side` pixels, a multiple of 32, from each view.

    Args:
        first: place of the finest map that is read.
        stride: of that map.
    """
    crops, targets = [], []
    for view in views:
        maps, drawn = _crop(view, side, first, classes, stride, rng)
        crops.append(maps)
        targets.append(drawn)
    stacked = [torch.from_numpy(np.stack([crop[k] for crop in crops])) for k in range(len(crops[0]))]
    heat, edges, weight = (
        torch.from_numpy(np.stack([getattr(t, name) for t in targets]))
        for name in ("heat", "edges", "weight")
    )
    return Batch(stacked, heat, edges, weight, torch.tensor([float(t.count) for t in targets]))


def _crop(
    view: View, side: int, first: int, classes: int, stride: int, rng: np.random.Generator
) -> tuple[list[NDArray[Any]], Targets]:
    coarse = view.shapes[-1]
    cells = side // STRIDE
    top, left = _corner(view, (coarse[1], coarse[2]), cells, rng)
    maps = []
    for whole in view.maps()[first:]:
        times = whole.shape[1] // coarse[1]
        out = np.zeros((whole.shape[0], cells * times, cells * times), whole.dtype)
        rows = slice(top * times, (top + cells) * times)
        part = whole[:, rows, left * times : (left + cells) * times]
        out[:, : part.shape[1], : part.shape[2]] = part
        maps.append(out)
    shift = np.array([left, top, left, top], np.float32) * STRIDE
    boxes = view.boxes - shift
    return maps, draw(boxes, view.labels, (side // stride, side // stride), stride, classes)


def _corner(view: View, shape: tuple[int, int], cells: int, rng: np.random.Generator) -> tuple[int, int]:
    """Row and column, in the coarsest cells, where a crop begins."""
    spare = [max(0, have - cells) for have in shape]
    if len(view.boxes) == 0 or rng.random() >= ON_BOX:
        return int(rng.integers(spare[0] + 1)), int(rng.integers(spare[1] + 1))
    x0, y0, x1, y1 = view.boxes[rng.integers(len(view.boxes))] / STRIDE
    found = []
    for middle, most in (((y0 + y1) / 2, spare[0]), ((x0 + x1) / 2, spare[1])):
        begin = middle - rng.uniform(0.15, 0.85) * cells
        found.append(int(np.clip(round(begin), 0, most)))
    return found[0], found[1]
