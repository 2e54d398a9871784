"""Labelled boxes that are probably wrong: missing, drawn twice, of another class, loose.

The kinds are those of ObjectLab (Tkachenko, Thyagarajan and Mueller 2023, arXiv 2309.00832): answers of
models that had not seen the picture are laid beside its labels.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox, LabelledBox
from preseason.diagnostics.evidence import named
from preseason.formatting import percent
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.peaks import overlaps

SURE = 0.6
"""Calibrated score from which on a found box speaks against a label."""
APART = 0.2
"""Overlap below which nothing is labelled where a box was found."""
OVER = 0.5
"""Overlap from which on two boxes are of one thing."""
TWICE = 0.7
"""Overlap of two labelled boxes of one class from which on they are one thing."""
TWICE_OTHER = 0.85
"""The same, of two classes."""
LOOSE = 0.7
"""Overlap with the found box above which a label fits."""
DEVIATIONS = 3.0
"""How far below the usual overlap of its class a loose label lies, in median absolute deviations."""
TIGHT = 0.8
"""Usual overlap of a class from which on the model's own boxes fit well enough to doubt a label's edges."""
FEWEST = 10
"""Boxes found of a class from which on it is known how well they usually fit."""
MOST = 200
"""Suspects that the record names."""
KINDS = ("missing", "class", "double", "loose")


@dataclass(frozen=True)
class BoxSuspect:
    """A label that is probably wrong, or missing.

    Attributes:
        place: of the picture among the answers.
        kind: one of `KINDS`.
        given: the labelled box; None where it is missing.
        proposed: the found box that should be there; of a double, the labelled box that stays.
        doubt: 0..1, what suspects are ranked by.
    """

    place: int
    kind: str
    given: LabelledBox | None
    proposed: FoundBox | LabelledBox
    doubt: float


def suspects(answers: BoxPredictions) -> tuple[BoxSuspect, ...]:
    """The suspects, the likeliest error first.

    Args:
        answers: by models that had not seen the pictures.
    """
    found = [_Picture(place, answers) for place in range(len(answers.samples))]
    usual = _usual(found)
    listed = [each for picture in found for each in picture.suspects(usual)]
    return tuple(sorted(listed, key=lambda each: -each.doubt))


def check(answers: BoxPredictions, noun: str) -> dict[str, Any]:
    """What `suspects` finds in plain values, with a sentence under `said`, perhaps a `warning`."""
    found = suspects(answers)
    values = {"checked": len(answers.samples), "suspects": [_values(answers, each) for each in found[:MOST]]}
    if not found:
        return values | {"tone": "good", "said": f"No box in {len(answers.samples)} {noun} looks wrong."}
    first = found[0]
    name = answers.samples[first.place].source.called(200)
    boxes = "1 box is" if len(found) == 1 else f"{len(found)} boxes are"
    said = (
        f"{boxes} probably labelled wrongly or missing (in {len(answers.samples)} {noun}): e.g. in {name} "
        f"{told(first)}."
    )
    return values | {"tone": "warn", "said": said, "warning": f"{said} Check them in the report."}


def told(suspect: BoxSuspect) -> str:
    """What is wrong, in half a sentence: `a ball (83 %) has no box`."""
    label = suspect.proposed.label
    if isinstance(suspect.proposed, FoundBox):
        label = f"{label} ({percent(suspect.proposed.score)})"
    if suspect.given is None:
        return f"what looks like {label} has no box"
    if suspect.kind == "double":
        return f"{suspect.given.label} lies on another box of {label}"
    if suspect.kind == "class":
        return f"{suspect.given.label} looks like {label}"
    return f"the box of {suspect.given.label} fits loosely: {label} was found beside its edges"


def _values(answers: BoxPredictions, each: BoxSuspect) -> dict[str, Any]:
    """In plain values: the picture, the kind, both boxes, x0 y0 x1 y1 in 0..1."""
    source = {key: value for key, value in named(answers.samples[each.place]).items() if key != "label"}
    return source | {
        "kind": each.kind,
        "label": None if each.given is None else each.given.label,
        "box": None if each.given is None else _edges(each.given),
        "suggested": each.proposed.label,
        "suggested_box": _edges(each.proposed),
        "doubt": each.doubt,
        "told": told(each),
    }


def _edges(box: FoundBox | LabelledBox) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y1]


@dataclass(frozen=True)
class _Fit:
    """How boxes of a class usually fit."""

    overlap: float
    least: float


def _usual(pictures: "list[_Picture]") -> dict[str, _Fit]:
    seen: dict[str, list[float]] = defaultdict(list)
    for picture in pictures:
        for number, found in enumerate(picture.found):
            own = picture.of_class(number)
            if found.score >= SURE and len(own) and own.max() >= OVER:
                seen[found.label].append(float(own.max()))
    usual = {}
    for label, fits in seen.items():
        if len(fits) >= FEWEST:
            middle = float(np.median(fits))
            spread = 1.4826 * float(np.median(np.abs(np.array(fits) - middle)))
            if middle < TIGHT:
                continue
            usual[label] = _Fit(middle, min(LOOSE, middle - DEVIATIONS * spread))
    return usual


class _Picture:
    """The boxes found on a picture beside those labelled there."""

    def __init__(self, place: int, answers: BoxPredictions) -> None:
        self.place = place
        self.there = answers.samples[place].boxes or ()
        self.found = tuple(sorted(answers.found[place], key=lambda box: -box.score))
        self.shared = overlaps(_array(self.found), _array(self.there))
        self.same = np.array(
            [[f.label == t.label for t in self.there] for f in self.found], np.bool_
        ).reshape(self.shared.shape)

    def of_class(self, number: int) -> Floats:
        """Overlaps of a found box with the labelled boxes of its class."""
        return np.asarray(self.shared[number][self.same[number]], np.float32)

    def suspects(self, usual: dict[str, _Fit]) -> "Iterator[BoxSuspect]":
        """Everything that looks wrong here."""
        yield from self._missing()
        for number, box in enumerate(self.there):
            yield from self._class(number, box) or self._loose(number, box, usual)
        yield from self._double()

    def _missing(self) -> "Iterator[BoxSuspect]":
        taken: list[int] = []
        for number, found in enumerate(self.found):
            if found.score < SURE or (len(self.there) and self.shared[number].max() >= APART):
                continue
            if self._covered(number) >= OVER:
                continue
            others = _array([self.found[other] for other in taken])
            if taken and overlaps(_array([found]), others).max() >= APART:
                continue
            taken.append(number)
            yield BoxSuspect(self.place, "missing", None, found, found.score)

    def _covered(self, number: int) -> float:
        """How much of a found box lies on a labelled one of its class: a part is no thing of its own."""
        found, own = _array([self.found[number]])[0], _array(self.there)[self.same[number]]
        low, high = np.maximum(own[:, :2], found[:2]), np.minimum(own[:, 2:], found[2:])
        area = float(np.prod(found[2:] - found[:2]))
        return float(np.prod((high - low).clip(0), axis=1).max(initial=0)) / max(area, 1e-12)

    def _class(self, number: int, box: LabelledBox) -> list[BoxSuspect]:
        """The surest box of another class on it, where its own class is not nearly as sure."""
        here = np.flatnonzero(self.shared[:, number] >= OVER)
        own = max((self.found[i].score for i in here if self.same[i, number]), default=0.0)
        for place in here:
            found = self.found[place]
            free = not (self.of_class(int(place)) >= OVER).any()
            if not self.same[place, number] and found.score >= SURE and found.score > 2 * own and free:
                return [BoxSuspect(self.place, "class", box, found, found.score * (1 - own))]
        return []

    def _loose(self, number: int, box: LabelledBox, usual: dict[str, _Fit]) -> list[BoxSuspect]:
        """The surest box of its class that overlaps it less than such boxes do, and no other label more."""
        fit = usual.get(box.label)
        near = np.flatnonzero((self.shared[:, number] >= APART) & self.same[:, number])
        if fit is None or len(near) == 0:
            return []
        place = int(near[0])
        found, overlap = self.found[place], float(self.shared[place, number])
        if found.score < SURE or overlap >= fit.least or self.of_class(place).max() > overlap:
            return []
        return [BoxSuspect(self.place, "loose", box, found, found.score * (1 - overlap / fit.overlap))]

    def _double(self) -> "Iterator[BoxSuspect]":
        """Of two labelled boxes of one thing the one that fits what was found less well."""
        edges = _array(self.there)
        shared = overlaps(edges, edges)
        for one, other in zip(*np.nonzero(np.triu(shared, 1) >= TWICE), strict=True):
            first, second = self.there[one], self.there[other]
            if first.label != second.label and shared[one, other] < TWICE_OTHER:
                continue
            fits = [float(self.shared[:, k].max(initial=0)) for k in (one, other)]
            given, stays = (first, second) if fits[0] < fits[1] else (second, first)
            yield BoxSuspect(self.place, "double", given, stays, float(shared[one, other]))


def _array(boxes: "tuple[FoundBox, ...] | tuple[LabelledBox, ...] | list[FoundBox]") -> Floats:
    return np.array([_edges(box) for box in boxes], np.float32).reshape(-1, 4)
