"""Labels that are probably wrong: confident learning (Northcutt et al. 2021, arXiv 1911.00068)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints

DOUBTED = 0.05
"""Calibrated probability of the label given from which on the rule is not believed: planted errors showed
that most of what lies above are mistakes of the model, not of the label."""
MIN_EXAMPLES = 3
"""Unseeing answers of a class below which its labels are not judged."""


@dataclass(frozen=True)
class Suspect:
    """An example whose label is probably wrong.

    Attributes:
        place: its position among the answers.
        suggested: the class that it looks like.
        doubt: probability of the suggested class, and `trust` of the label given.
    """

    place: int
    suggested: int
    doubt: float
    trust: float


def suspects(oof_proba: Floats, targets: Ints) -> tuple[Suspect, ...]:
    """The suspects among h answers, the likeliest error first.

    Args:
        oof_proba: float32 [h, c] by models that had not seen the example.
        targets: int64 [h] in 0..c-1. Classes with fewer than `MIN_EXAMPLES` answers are left out.
    """
    counts = np.bincount(targets, minlength=oof_proba.shape[1])
    classes = np.flatnonzero(counts >= MIN_EXAMPLES)
    rows = np.flatnonzero(np.isin(targets, classes))
    if len(classes) < 2:
        return ()
    chances = oof_proba[np.ix_(rows, classes)].astype(np.float64)
    chances /= np.maximum(chances.sum(axis=1, keepdims=True), 1e-12)
    given = np.searchsorted(classes, targets[rows])
    return tuple(
        Suspect(
            int(rows[place]),
            int(classes[chances[place].argmax()]),
            float(chances[place].max()),
            float(chances[place, given[place]]),
        )
        for place in _issues(chances, given)
    )


def _issues(chances: NDArray[np.float64], given: Ints) -> Ints:
    """Positions whose label is doubted and not the likeliest class, the least trusted label first."""
    found = _pruned_by_noise_rate(chances, given)
    trust, likeliest = chances[found, given[found]], chances[found].argmax(axis=1)
    doubted = (trust <= DOUBTED) & (likeliest != given[found])
    order = np.argsort(trust[doubted], kind="stable")
    return np.asarray(found[doubted][order], np.int64)


def _pruned_by_noise_rate(chances: NDArray[np.float64], given: Ints) -> Ints:
    """For each pair of classes as many labels as the noise between them, those with the largest margin."""
    found = np.zeros(len(given), bool)
    for (label, other), count in np.ndenumerate(_joint_counts(chances, given)):
        rows = np.flatnonzero(given == label)
        margin = chances[rows, other] - chances[rows, label]
        if label != other:
            found[rows[np.argsort(-margin, kind="stable")[:count]]] = True
    return np.flatnonzero(found)


def _joint_counts(chances: NDArray[np.float64], given: Ints) -> Ints:
    """int64 [c, c]: of how many examples the label is the row and the truth the column.

    An example counts for a class where its chance reaches the mean chance of the examples labelled so; each
    row is scaled to the number of its labels and rounded, the largest remainders up.
    """
    classes = np.arange(chances.shape[1])
    usual = np.array([chances[given == label, label].mean() for label in classes])
    confident = np.where(chances >= usual - 1e-6, chances, -1)
    sure = confident.max(axis=1) >= 0
    joint = np.zeros((len(classes), len(classes)))
    np.add.at(joint, (given[sure], confident[sure].argmax(axis=1)), 1)
    np.fill_diagonal(joint, joint.diagonal().clip(1))
    exact = joint / joint.sum(axis=1, keepdims=True) * np.bincount(given)[:, None]
    whole = np.floor(exact + 1e-9).astype(np.int64)
    rank = np.argsort(np.argsort(whole - exact, axis=1, kind="stable"), axis=1)
    return np.asarray(whole + (rank < (np.bincount(given) - whole.sum(axis=1))[:, None]), np.int64)
