"""One label for each example."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Ints
from preseason.data.checks import check_trainable
from preseason.data.contradictions import contradicted
from preseason.data.dataset import Dataset, Sample
from preseason.data.labels import targets_of
from preseason.data.split import folds
from preseason.evaluation.metrics import measure
from preseason.formatting import percent
from preseason.inference.answers import BatchPredictions
from preseason.problems.base import Folds, problems
from preseason.results import Figure

LEAD = "accuracy"
OTHERS = ("balanced_accuracy", "macro_f1", "ece")


class Classification:
    """Single-label classification, scored by accuracy.

    Attributes:
        name: as tasks and records have it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, dataset: Dataset, noun: str) -> tuple[str, ...]:
        """Warnings about classes with few examples and labels that look alike.

        Raises:
            DataError: there are fewer than two classes, or none that can be both learnt and tested.
        """
        return check_trainable(dataset, noun)

    def targets(self, samples: Sequence[Sample], labels: Sequence[str]) -> Ints:
        """Int64 [n], positions among `labels`; -1 for a label that is none of them."""
        return targets_of(samples, labels)

    def folds(self, targets: Ints, groups: Ints, count: int, seed: int) -> Folds:
        """Stratified by class, whole in groups."""
        return folds(targets, groups, count, seed)

    def measure(self, answers: BatchPredictions) -> dict[str, Figure]:
        """Accuracy first, then balanced accuracy, macro F1 and the calibration error, all 0..1.

        Examples that are there under several labels are left out: one of these is wrong.
        """
        clear = ~contradicted(answers.samples)
        if not clear.any():
            return measure(answers.probabilities, answers.targets)
        return measure(answers.probabilities[clear], answers.targets[clear])

    def sentence(self, figures: dict[str, Figure]) -> str:
        """`Accuracy 94.0 % (47 of 50, 95 % CI 84-98 %).`"""
        lead = figures[LEAD]
        right, (low, high) = round(lead.value * lead.n), lead.interval
        return (
            f"Accuracy {percent(lead.value, 1)} "
            f"({right} of {lead.n}, 95 % CI {100 * low:.0f}-{100 * high:.0f} %)."
        )

    def right(self, answers: BatchPredictions) -> NDArray[np.bool_]:
        """Whether the most probable class is the example's own, bool [n]."""
        return np.asarray(answers.probabilities.argmax(axis=1) == answers.targets, np.bool_)

    def values(self, figures: dict[str, Figure]) -> dict[str, Any]:
        """The number of answers, the accuracy with its interval, and the other figures."""
        lead = asdict(figures[LEAD])
        return {"n": lead["n"], LEAD: lead["value"], "low": lead["low"], "high": lead["high"]} | {
            name: figures[name].value for name in OTHERS
        }

    def figures(self, values: dict[str, Any]) -> dict[str, Figure]:
        """The figures that `values` was given."""
        lead = Figure(values[LEAD], values["low"], values["high"], values["n"])
        return {LEAD: lead} | {name: Figure(values[name], None, None, values["n"]) for name in OTHERS}


problems.add("classification", Classification("classification"))
