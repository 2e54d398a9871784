"""Boxes on pictures: what is where, scored by average precision."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Ints
from preseason.data.checks import look_alike_labels
from preseason.data.dataset import Dataset, Sample
from preseason.data.split import folds
from preseason.errors import DataError
from preseason.evaluation.boxes import AREAS, NEAR, figures_of
from preseason.evaluation.matching import pairings
from preseason.formatting import percent
from preseason.inference.answers import BoxPredictions
from preseason.problems.base import Folds, problems
from preseason.results import Figure

NAMES = ("ap", "ap50", "ap75")
SIZES = tuple(f"ap_{area}" for area in AREAS)
FEW = 20
"""Labelled boxes of a class below which it is said that these are few."""


class Detection:
    """Boxes with classes, scored as COCO scores them."""

    name = "detection"

    def check(self, dataset: Dataset, noun: str) -> tuple[str, ...]:
        """Warnings about classes with few boxes and names that look alike.

        Raises:
            DataError: there are fewer than two pictures, or no boxes at all.
        """
        if not dataset.samples:
            left = f" {len(dataset.skipped)} files were left out." if dataset.skipped else ""
            raise DataError(
                f"{dataset.root} holds no usable {noun}.{left} Expected pictures with labelled boxes.",
                code="PS-D03",
            )
        counts = Counter(label for sample in dataset.samples for label in sample.classes)
        if not counts:
            raise DataError(f"None of the {noun} in {dataset.root} has a labelled box: draw some first.")
        few = [f"{label} ({counts[label]})" for label in dataset.labels if counts[label] < FEW]
        return (
            *([f"Few boxes to learn from: {', '.join(few)}. Label more of these."] if few else []),
            *(
                f"Classes look alike: {', '.join(names)}. Give them one name if they are one."
                for names in look_alike_labels(dataset.labels)
            ),
        )

    def targets(self, samples: Sequence[Sample], labels: Sequence[str]) -> Ints:
        """The rarest class on each picture, int64 [n]; the number of classes where nothing is there."""
        counts = Counter(label for sample in samples for label in sample.classes)
        number = {label: place for place, label in enumerate(labels)}
        rarest = (
            min(
                (each for each in sample.classes if each in number),
                key=lambda each: counts[each],
                default=None,
            )
            for sample in samples
        )
        return np.array([len(labels) if each is None else number[each] for each in rarest], np.int64)

    def folds(self, targets: Ints, groups: Ints, count: int, seed: int) -> Folds:
        """Whole in groups, and near in the rarest classes where that can be."""
        return folds(np.zeros_like(targets), groups, count, seed)

    def measure(self, answers: BoxPredictions) -> dict[str, Figure]:
        """Average precision over overlaps of 50 to 95 % first, then at 50 and 75 %, then of each class."""
        return figures_of(answers)

    def sentence(self, figures: dict[str, Figure]) -> str:
        """Average precision with its bounds, and the one at an overlap of 50 %."""
        lead = figures["ap"]
        low, high = lead.interval
        near = figures.get(NEAR)
        small = (
            f" Of {near.n} small objects (below 32 x 32 pixels), {percent(near.value, 1)} are found within "
            "their own diameter."
            if near
            else ""
        )
        return (
            f"Average precision {percent(lead.value, 1)} (95 % CI {100 * low:.0f} to {100 * high:.0f} %) on "
            f"{lead.n} pictures; {percent(figures['ap50'].value, 1)} if boxes need to overlap by only half."
            + small
        )

    def right(self, answers: BoxPredictions) -> NDArray[np.bool_]:
        """Whether everything on the picture was found, and nothing else, bool [n]."""
        return np.array([each.faults == 0 for each in pairings(answers)], np.bool_)

    def values(self, figures: dict[str, Figure]) -> dict[str, Any]:
        """The number of pictures, average precision with its bounds, by size, and that of each class."""
        lead = figures["ap"]
        classes: dict[str, dict[str, Any]] = {}
        for key, figure in figures.items():
            label, _, name = key.rpartition(": ")
            if label:
                classes.setdefault(label, {"n": figure.n})[name] = figure.value
        told: dict[str, Any] = {"n": lead.n, "ap": lead.value, "low": lead.low, "high": lead.high}
        told |= {name: figures[name].value for name in (*NAMES[1:], *SIZES) if name in figures}
        if NEAR in figures:
            told[NEAR] = {"n": figures[NEAR].n, "value": figures[NEAR].value}
        return told | {"per_class": classes}

    def figures(self, values: dict[str, Any]) -> dict[str, Figure]:
        """The figures that `values` was given."""
        n = values["n"]
        found = {"ap": Figure(values["ap"], values["low"], values["high"], n)}
        found |= {
            name: Figure(values[name], None, None, n) for name in (*NAMES[1:], *SIZES) if name in values
        }
        if NEAR in values:
            found[NEAR] = Figure(values[NEAR]["value"], None, None, values[NEAR]["n"])
        for label, own in values["per_class"].items():
            found |= {f"{label}: {name}": Figure(own[name], None, None, own["n"]) for name in NAMES}
        return found


problems.add("detection", Detection())
