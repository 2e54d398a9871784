"""Figures of labelled answers, each with the interval that its number of examples allows.

n answers over c classes; a target of -1 is a label the model does not know: no answer can be right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.results import Figure

Z_95 = 1.959964
MAX_BINS = 10
ANSWERS_PER_BIN = 10


@dataclass(frozen=True)
class ClassScore:
    """Figures of one class: `n` examples of it, `recall` of them with its 95 % interval."""

    n: int
    recall: float
    low: float
    high: float
    precision: float
    f1: float


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence: how sure they were on average and how many were right."""

    n: int
    confidence: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class RiskCoverage:
    """What answering only the surest fraction of the questions gives.

    Attributes:
        coverage: float32 [k], rising to 1: fraction of questions answered.
        risk: float32 [k], fraction of those answers that are wrong.
        threshold: float32 [k], the lowest probability still answered.
        area: mean risk over all coverages, 0 (best) to 1.
    """

    coverage: Floats
    risk: Floats
    threshold: Floats
    area: float


def wilson(right: int, n: int) -> tuple[float, float]:
    """Bounds of a rate seen as `right` of `n`, at 95 % (Wilson 1927); 0 and 1 when n is 0.

    Example:
        >>> [round(bound, 3) for bound in wilson(47, 50)]
        [0.838, 0.979]
    """
    if n == 0:
        return 0.0, 1.0
    rate, square = right / n, Z_95**2
    centre = rate + square / (2 * n)
    half = Z_95 * float(np.sqrt(rate * (1 - rate) / n + square / (4 * n * n)))
    low, high = (centre - half) / (1 + square / n), (centre + half) / (1 + square / n)
    return min(max(low, 0.0), rate), max(min(high, 1.0), rate)


def measure(probabilities: Floats, targets: Ints) -> dict[str, Figure]:
    """The figures of all answers together.

    Args:
        probabilities: float32 [n, c], rows sum to 1.
        targets: int64 [n], 0..c-1, or -1 for a label the model does not know. Such an answer counts
            as wrong in `accuracy`, `ece` and, as a false alarm, in `macro_f1`; `balanced_accuracy`
            is the mean recall of the known classes that occur.

    Returns:
        All figures 0..1 and finite; with no answers the accuracy is 0 between 0 and 1.
    """
    n = len(targets)
    if n == 0:
        nothing = Figure(0.0, None, None, 0)
        return {"accuracy": Figure(0.0, 0.0, 1.0, 0)} | dict.fromkeys(
            ("balanced_accuracy", "macro_f1", "ece"), nothing
        )
    said = probabilities.argmax(axis=1)
    right = int((said == targets).sum())
    low, high = wilson(right, n)
    scores = per_class(probabilities, targets)
    seen = [score for score in scores if score.n]
    met = [score for index, score in enumerate(scores) if score.n or (said == index).any()]
    others = {
        "balanced_accuracy": float(np.mean([score.recall for score in seen])) if seen else 0.0,
        "macro_f1": float(np.mean([score.f1 for score in met])),
        "ece": _calibration_error(reliability(probabilities, targets)),
    }
    accuracy = {"accuracy": Figure(right / n, low, high, n)}
    return accuracy | {name: Figure(value, None, None, n) for name, value in others.items()}


def confusion(probabilities: Floats, targets: Ints) -> Ints:
    """int64 [c, c]: how often class `row` was answered with class `column`; unknown labels are left out."""
    table = np.zeros((probabilities.shape[1],) * 2, np.int64)
    known = targets >= 0
    np.add.at(table, (targets[known], probabilities.argmax(axis=1)[known]), 1)
    return table


def per_class(probabilities: Floats, targets: Ints) -> tuple[ClassScore, ...]:
    """Figures of each of the c classes in order; 0 where a class has no examples or was never said."""
    from sklearn.metrics import precision_recall_fscore_support

    classes = int(probabilities.shape[1])
    if len(targets) == 0:
        return (ClassScore(0, 0.0, 0.0, 1.0, 0.0, 0.0),) * classes
    said = probabilities.argmax(axis=1)
    precision, recall, f1, counts = precision_recall_fscore_support(
        targets, said, labels=np.arange(classes), average=None, zero_division=0.0
    )
    rows = zip(counts, recall, precision, f1, strict=True)
    return tuple(_class_score(int(n), float(r), float(p), float(f)) for n, r, p, f in rows)


def reliability(probabilities: Floats, targets: Ints, bins: int | None = None) -> tuple[Bin, ...]:
    """The calibration curve: bins of about equally many answers, from least to most confident.

    Args:
        probabilities: float32 [n, c].
        targets: int64 [n].
        bins: how many at most; None takes one for every ten answers, at most ten. Answers of the same
            confidence share a bin, so there may be fewer.
    """
    n = len(targets)
    if n == 0:
        return ()
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    count = max(1, min(MAX_BINS, n // ANSWERS_PER_BIN)) if bins is None else max(1, bins)
    edges = np.quantile(confidence, np.arange(1, count) / count, method="higher")
    place = np.searchsorted(edges, confidence, side="right")
    return tuple(_bin(confidence[place == b], right[place == b]) for b in np.unique(place))


def risk_coverage(probabilities: Floats, targets: Ints) -> RiskCoverage:
    """Wrong answers against the fraction answered, surest first (Geifman and El-Yaniv 2017).

    Returns:
        One point for each distinct confidence; empty arrays and an area of 0 when there are no answers.
    """
    n = len(targets)
    if n == 0:
        empty = np.zeros(0, np.float32)
        return RiskCoverage(empty, empty, empty, 0.0)
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != targets
    order = np.argsort(-confidence, kind="stable")
    last = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))
    risk = np.cumsum(wrong[order])[last] / (last + 1)
    width = np.diff(np.append(0, last + 1)) / n
    return RiskCoverage(
        coverage=((last + 1) / n).astype(np.float32),
        risk=risk.astype(np.float32),
        threshold=confidence[order][last].astype(np.float32),
        area=float((risk * width).sum()),
    )


def _class_score(n: int, recall: float, precision: float, f1: float) -> ClassScore:
    low, high = wilson(round(recall * n), n)
    return ClassScore(n, recall, low, high, precision, f1)


def _bin(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Bin:
    n = len(right)
    low, high = wilson(int(right.sum()), n)
    return Bin(n, float(confidence.mean()), float(right.mean()), low, high)


def _calibration_error(bins: tuple[Bin, ...]) -> float:
    n = sum(item.n for item in bins)
    return sum(item.n * abs(item.confidence - item.accuracy) for item in bins) / n
