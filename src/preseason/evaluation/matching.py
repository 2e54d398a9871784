"""What was found beside what is there: found, missed, taken for something else, never there."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox, LabelledBox
from preseason.data.dataset import Sample
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.peaks import overlaps

OVERLAP = 0.5
"""Share of both boxes together from which on one lies on the other."""


@dataclass(frozen=True)
class Pairing:
    """What was found on one picture beside what is there.

    Attributes:
        pairs: a labelled box and the box found on it, of whatever class.
        missed: labelled boxes with nothing found on them.
        ghosts: boxes found where nothing is labelled.
    """

    sample: Sample
    pairs: tuple[tuple[LabelledBox, FoundBox], ...]
    missed: tuple[LabelledBox, ...]
    ghosts: tuple[FoundBox, ...]

    @property
    def faults(self) -> int:
        """How much is wrong."""
        return (
            sum(there.label != found.label for there, found in self.pairs)
            + len(self.missed)
            + len(self.ghosts)
        )


def pairings(answers: BoxPredictions) -> list[Pairing]:
    """Each picture's boxes beside each other, those alone that reach their threshold."""
    both = zip(answers.samples, answers.counted(), strict=True)
    return [_paired(sample, found) for sample, found in both]


def within_diameter(answers: BoxPredictions, side: float) -> tuple[float, int] | None:
    """Share of small labelled boxes found with their middle within their own diameter, and their number.

    Where a ball of eight pixels is found two pixels off, too little of the two boxes overlaps to count. Boxes
    that reach their threshold are taken, each for one labelled box of its class, the nearest first.

    Args:
        answers: with sizes of the pictures.
        side: in pixels of the picture; small are boxes of less than its square.

    Returns:
        None where none is small, or the pictures' sizes are not known.
    """
    hits = total = 0
    for sample, found, (high, wide) in zip(answers.samples, answers.counted(), answers.sizes, strict=False):
        scale = np.array([wide, high, wide, high], np.float32)
        there = [box for box in sample.boxes or () if _sides(box, wide, high).prod() < side**2]
        total += len(there)
        if not there or not found:
            continue
        one, other = _edges(tuple(there)) * scale, _edges(found) * scale
        offsets = (one[:, None, :2] + one[:, None, 2:] - other[None, :, :2] - other[None, :, 2:]) / 2
        diameters = np.array([_sides(box, wide, high).max() for box in there])
        ratio = np.hypot(offsets[..., 0], offsets[..., 1]) / diameters[:, None]
        same = np.array([[box.label == each.label for each in found] for box in there])
        hits += _nearest_first(np.where(same, ratio, np.inf))
    return (hits / total, total) if total else None


def _sides(box: LabelledBox, wide: int, high: int) -> Floats:
    return np.array([(box.x1 - box.x0) * wide, (box.y1 - box.y0) * high], np.float32)


def _nearest_first(ratio: Floats) -> int:
    """How many rows get a column of their own with a value of at most 1."""
    free, count = ratio.copy(), 0
    while free.size and free.min() <= 1:
        row, column = np.unravel_index(int(free.argmin()), free.shape)
        free[row], free[:, column] = np.inf, np.inf
        count += 1
    return count


def _paired(sample: Sample, found: tuple[FoundBox, ...]) -> Pairing:
    there = sample.boxes or ()
    shared = overlaps(_edges(found), _edges(there)) if found and there else np.zeros((len(found), len(there)))
    # A box of the right class goes first; then whatever else lies there.
    same = np.array([[f.label == t.label for t in there] for f in found], np.bool_).reshape(shared.shape)
    pairs, used, taken = [], set(), set()
    for bonus in (same, ~same):
        value = np.where(bonus, shared, 0)
        for place in np.argsort(-value, axis=None):
            one, other = (int(k) for k in np.unravel_index(int(place), shared.shape))
            if value[one, other] < OVERLAP:
                break
            if one not in used and other not in taken:
                used.add(one)
                taken.add(other)
                pairs.append((there[other], found[one]))
    missed = tuple(box for place, box in enumerate(there) if place not in taken)
    return Pairing(sample, tuple(pairs), missed, tuple(b for i, b in enumerate(found) if i not in used))


def _edges(boxes: tuple[Any, ...]) -> Any:
    return np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes], np.float32).reshape(-1, 4)
