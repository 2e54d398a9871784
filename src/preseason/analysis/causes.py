"""Why answers were wrong: each error is given the cause with the strongest evidence.

In this order, since each later cause is a weaker claim: the class is unknown; the label looks wrong; the
batch is another world and the example far off; another crop gives the right answer; few labels; look-alikes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.rows import nearest_rows
from preseason.arrays.types import Floats, Ints
from preseason.inference.answers import BatchPredictions
from preseason.openset.reference_set import ReferenceSet

CAUSES = {
    "unknown": "class unknown to the model",
    "label": "label looks wrong",
    "drift": "unlike the training data",
    "crop": "odd crop",
    "few labels": "too few labels",
    "look-alike": "look-alike",
}
NEIGHBOURS = 5
AGREEING = 4
"""Nearest known examples that must be of the answer's class before a label is doubted."""
HARDLY = 0.1
"""Probability of the labelled class below which a label is doubted."""
FEW = 0.5
"""Share of the median class's known examples below which a class has few."""
MIN_EXAMPLES = 15
RIVAL = 0.2
"""Probability of the labelled class from which on the two are held for alike."""


@dataclass(frozen=True)
class Error:
    """One wrong answer.

    Attributes:
        place: among the answers.
        cause: one of `CAUSES`.
        why: the evidence, in words.
    """

    place: int
    cause: str
    why: str


@dataclass(frozen=True)
class Evidence:
    """What causes are told from.

    Attributes:
        answers: to all labelled examples, with their vectors.
        known: what the model has learnt from.
        far: bool [n], examples of another world; all False where the batch is of the same.
        cropped: for the places of some wrong answers, in words which other crop gives the right one.
    """

    answers: BatchPredictions
    known: ReferenceSet
    far: NDArray[np.bool_]
    cropped: dict[int, str]


def errors_of(evidence: Evidence) -> tuple[Error, ...]:
    """Every wrong answer with its cause, in the order of the answers."""
    answers = evidence.answers
    said = answers.probabilities.argmax(axis=1)
    confusion, bars = _confusion(evidence.known), _usual_confidence(evidence.known)
    return tuple(
        _judged(int(place), int(said[place]), evidence, confusion, bars)
        for place in np.flatnonzero(said != answers.targets)
    )


def _judged(place: int, said: int, evidence: Evidence, confusion: Floats, bars: Floats) -> Error:
    answers, known = evidence.answers, evidence.known
    truth, row = int(answers.targets[place]), answers.probabilities[place]
    if truth < 0:
        return Error(place, "unknown", f"the model has no class {answers.samples[place].label}")
    names = known.labels[truth], known.labels[said]
    near = _near(known, answers.vectors[place]) if answers.vectors is not None else np.zeros(0, np.int64)
    agreeing = int((near == said).sum())
    if row[truth] < HARDLY and row[said] >= bars[said] and agreeing >= AGREEING and not (near == truth).any():
        why = (
            f"{100 * row[said]:.0f} % {names[1]}, and {agreeing} of its {len(near)} nearest examples "
            f"are {names[1]}"
        )
        return Error(place, "label", why)
    if evidence.far[place]:
        return Error(place, "drift", "it lies farther out than nine in ten training examples")
    if place in evidence.cropped:
        return Error(place, "crop", evidence.cropped[place])
    counts = np.bincount(known.targets, minlength=len(known.labels))
    if counts[truth] < max(FEW * float(np.median(counts)), MIN_EXAMPLES):
        return Error(place, "few labels", f"{names[0]} has {counts[truth]} labelled examples")
    if row[truth] >= RIVAL or confusion[truth, said] >= 2 * _usual_share(confusion):
        share = (
            f"{100 * confusion[truth, said]:.0f} % of {names[0]} are confused with {names[1]} in training too"
        )
        close = f"{100 * row[truth]:.0f} % {names[0]}, {100 * row[said]:.0f} % {names[1]}"
        return Error(place, "look-alike", close if row[truth] >= RIVAL else share)
    return Error(place, "few labels", f"nothing like it among the {counts[truth]} examples of {names[0]}")


def _near(known: ReferenceSet, vector: Floats) -> Ints:
    """Classes int64 [k] of the nearest known examples by cosine, the nearest first."""
    nearest, _ = nearest_rows(known.vectors, vector, NEIGHBOURS)
    return np.asarray(known.targets[nearest], np.int64)


def _confusion(known: ReferenceSet) -> Floats:
    """float32 [c, c]: share of each class's known examples that unseeing members took for each class."""
    classes = len(known.labels)
    table = np.zeros((classes, classes), np.float32)
    trained = known.targets < known.trained
    np.add.at(table, (known.targets[trained], known.oof_proba[trained].argmax(axis=1)), 1)
    return np.asarray(table / np.maximum(table.sum(axis=1, keepdims=True), 1), np.float32)


def _usual_share(confusion: Floats) -> float:
    """Mean share of a class that is taken for one other class."""
    others = confusion[~np.eye(len(confusion), dtype=bool)]
    return max(float(others.mean()), 0.01) if len(others) else 0.01


def _usual_confidence(known: ReferenceSet) -> Floats:
    """float32 [c]: mean probability of a class among its own examples, by unseeing members.

    The threshold of confident learning (Northcutt et al. 2021, arXiv 1911.00068).
    """
    bars = np.ones(len(known.labels), np.float32)
    for index in range(known.trained):
        own = known.targets == index
        if own.any():
            bars[index] = float(known.oof_proba[own, index].mean())
    return bars


def counts_of(errors: Sequence[Error]) -> dict[str, int]:
    """How many errors each cause has, the commonest first, without causes that have none."""
    counts = {cause: sum(each.cause == cause for each in errors) for cause in CAUSES}
    return {cause: n for cause, n in sorted(counts.items(), key=lambda item: -item[1]) if n}
