"""Answers to many examples at once, as arrays: labels with their probabilities, or boxes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.data.boxes import FoundBox
from preseason.data.dataset import Sample

EVEN = 0.5
"""A score at which a box is as likely right as wrong."""


@dataclass(frozen=True)
class CountedParts:
    """Of n examples the part that counts, such as a face.

    Attributes:
        network: that reads such parts.
        rows: float32 [n, d], zeros where there is none.
        places: float32 [n, k], where it lies; of pictures x0 y0 x1 y1 in 0..1.
    """

    network: str
    rows: Floats
    places: Floats

    def part(self, chosen: NDArray[np.bool_]) -> "CountedParts":
        """Those where `chosen` bool [n] says so."""
        return CountedParts(self.network, self.rows[chosen], self.places[chosen])


@dataclass(frozen=True)
class BatchPredictions:
    """Calibrated answers to n labelled samples.

    Attributes:
        samples: n samples with a label each.
        labels: the c class names.
        targets: int64 [n], -1 where the sample's label is none of `labels`.
        probabilities: float32 [n, c], rows sum to 1.
        distance: float32 [n], unlikeness to every known class; above the threshold means unknown.
        attention: float32 [n, p], weight of each part in the answer, or None.
        vectors: float32 [n, d], where the examples lie among the known ones, or None.
        plain: float32 [n, e], features of the whole examples as the frozen network gives them, or None.
        counted: the part that counts where parts may be missing, or None.
    """

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    targets: Ints
    probabilities: Floats
    distance: Floats
    attention: Floats | None = None
    vectors: Floats | None = None
    plain: Floats | None = None
    counted: CountedParts | None = None

    def part(self, chosen: NDArray[np.bool_]) -> "BatchPredictions":
        """The answers where `chosen` bool [n] says so."""
        samples = tuple(sample for sample, kept in zip(self.samples, chosen, strict=True) if kept)
        attention, vectors, plain = (
            None if a is None else a[chosen] for a in (self.attention, self.vectors, self.plain)
        )
        counted = None if self.counted is None else self.counted.part(chosen)
        return BatchPredictions(
            samples, self.labels, self.targets[chosen], self.probabilities[chosen], self.distance[chosen],
            attention, vectors, plain, counted,
        )  # fmt: skip


@dataclass(frozen=True)
class BoxPredictions:
    """What was found on n labelled pictures.

    Attributes:
        samples: n pictures whose `boxes` are labelled.
        labels: the c class names.
        found: n times the boxes found, also those below the threshold of their class.
        thresholds: c scores from which on a box of a class counts; empty stands for `EVEN` of each.
        sizes: n times height and width in pixels; empty where they are not known.
    """

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    found: tuple[tuple[FoundBox, ...], ...]
    thresholds: tuple[float, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()

    def threshold(self, label: str) -> float:
        """The score from which on a box of `label` counts."""
        known = dict(zip(self.labels, self.thresholds, strict=False))
        return known.get(label, EVEN)

    def counted(self) -> tuple[tuple[FoundBox, ...], ...]:
        """The boxes found, without those below the threshold of their class."""
        return tuple(
            tuple(box for box in boxes if box.score >= self.threshold(box.label)) for boxes in self.found
        )
