"""Why a box: parts of it and of what lies around it are hidden, and the picture is looked at again.

Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901), as for labels: figures are calibrated scores, hiding this
costs the box so much. p parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox
from preseason.data.dataset import Sample
from preseason.errors import DataError, MediaError
from preseason.formatting import percent
from preseason.inference.detection.base import BoxFinder
from preseason.inference.detection.peaks import overlaps
from preseason.inference.detection.scores import Calibration
from preseason.media.image import decode
from preseason.models.weighed_parts import WeighedParts
from preseason.runtime import notebook
from preseason.runtime.progress import Progress

MOST = 6
"""Boxes of a picture that are explained, the surest ones."""
SAME = 0.3
"""Overlap from which on a box found on a picture with something hidden is the same thing."""
INSIDE = 3
"""Rows and columns that a box is taken apart into."""
BESIDE = 0.5
"""Width of what is hidden beside a box, in sides of it."""
ACROSS, DOWN = ("left", "middle", "right"), ("upper", "middle", "lower")
AROUND = ("what is above it", "what is below it", "what is left of it", "what is right of it")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class BoxExplanation(WeighedParts):
    """Why a box was found; iterating gives pairs of part and weight.

    Attributes:
        input: the picture.
        box: what was found on it.
        parts: names of the parts, those of the box first, then what lies around it.
        weights: for each part, by how much the box's score falls when it is hidden; all of it where nothing
            is found there any more.
        boxes: float32 [p, 4] of the parts, x0 y0 x1 y1 in 0..1 of the picture.
        sample: the picture, to be drawn.
    """

    input: str
    box: FoundBox
    parts: tuple[str, ...]
    weights: tuple[float, ...]
    boxes: Floats
    sample: Sample

    @property
    def around(self) -> float:
        """The most that hiding something beside the box costs."""
        return max(self.weights[-len(AROUND) :])

    def _repr_html_(self) -> str:
        """In a notebook: the box, and its parts."""
        largest = max(map(abs, self.weights), default=0.0) or 1.0
        rows = [(part, f"{100 * w:+.0f} points", notebook.bar(abs(w) / largest)) for part, w in self]
        heading = f"{self.box.label}, {percent(self.box.score)}: {self.sample.source.shown()}"
        return notebook.block(
            notebook.paragraph(heading), notebook.table(("part", "what hiding it costs", ""), rows)
        )


def explain_boxes(
    finder: BoxFinder,
    calibration: Calibration,
    labels: Sequence[str],
    sample: Sample,
    boxes: Sequence[FoundBox],
    progress: Progress,
) -> list[BoxExplanation]:
    """Why the surest boxes were found on a picture.

    Boxes that lie far from one another are taken apart on the same looks.

    Raises:
        DataError: the picture cannot be read.
    """
    chosen = list(boxes[:MOST])
    try:
        picture = decode(sample.path)
    except MediaError as error:
        raise DataError(f"{sample.source} cannot be read: {error}.") from error
    parts = [parts_of(box) for box in chosen]
    weights = [np.zeros(len(each), np.float32) for each in parts]
    looks = [(group, place) for group in _apart(parts) for place in range(len(parts[0]))]
    hidden = (_hidden(picture, [parts[i][place] for i in group]) for group, place in looks)
    progress.start("explaining", len(looks))
    for (group, place), found in zip(looks, finder.find(hidden), strict=True):
        progress.advance()
        worth = calibration.apply(found.scores, found.labels)
        for number in group:
            own = chosen[number]
            edges = np.array([[own.x0, own.y0, own.x1, own.y1]], np.float32)
            same = (found.labels == labels.index(own.label)) & (overlaps(edges, found.boxes)[0] >= SAME)
            weights[number][place] = own.score - worth[same].max(initial=0.0)
    progress.finish()
    return [
        BoxExplanation(str(sample.source), box, NAMES, tuple(map(float, weight)), each, sample)
        for box, weight, each in zip(chosen, weights, parts, strict=True)
    ]


NAMES = (
    *(("its middle" if (row, column) == ("middle", "middle") else f"its {row} {column}")
      for row in DOWN for column in ACROSS),
    *AROUND,
)  # fmt: skip
"""Of the parts, in the order of `parts_of`."""


def parts_of(box: FoundBox) -> Floats:
    """The parts of a box row by row, then what lies around it, float32 [p, 4] in 0..1: `NAMES` in order."""
    xs, ys = (np.linspace(low, high, INSIDE + 1) for low, high in ((box.x0, box.x1), (box.y0, box.y1)))
    inside = [
        (xs[column], ys[row], xs[column + 1], ys[row + 1])
        for row in range(INSIDE)
        for column in range(INSIDE)
    ]
    wide, high = BESIDE * (box.x1 - box.x0), BESIDE * (box.y1 - box.y0)
    around = [
        (box.x0 - wide, box.y0 - high, box.x1 + wide, box.y0),
        (box.x0 - wide, box.y1, box.x1 + wide, box.y1 + high),
        (box.x0 - wide, box.y0, box.x0, box.y1),
        (box.x1, box.y0, box.x1 + wide, box.y1),
    ]
    return np.array([*inside, *around], np.float32).clip(0, 1)


def _apart(parts: Sequence[Floats]) -> list[list[int]]:
    """Positions of boxes in groups whose parts share nothing."""
    groups: list[list[int]] = []
    reach = [np.concatenate([each[:, :2].min(0), each[:, 2:].max(0)])[None] for each in parts]
    for number in range(len(parts)):
        home = next((g for g in groups if all(overlaps(reach[number], reach[i])[0, 0] == 0 for i in g)), None)
        if home is None:
            groups.append([number])
        else:
            home.append(number)
    return groups


def _hidden(picture: Pixels, parts: Sequence[Floats]) -> Pixels:
    """The picture with these parts painted in its mean colour."""
    height, width = picture.shape[:2]
    shown = picture.copy()
    fill = picture.mean(axis=(0, 1)).astype(np.uint8)
    for x0, y0, x1, y1 in parts:
        rows = slice(int(y0 * height + 0.5), max(int(y1 * height + 0.5), int(y0 * height + 0.5) + 1))
        columns = slice(int(x0 * width + 0.5), max(int(x1 * width + 0.5), int(x0 * width + 0.5) + 1))
        shown[rows, columns] = fill
    return shown
