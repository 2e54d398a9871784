"""Labels that are probably wrong: confident learning (Northcutt et al. 2021, arXiv 1911.00068)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints

FILTER = "prune_by_noise_rate"
DOUBTED = 0.05
"""Calibrated probability of the label given from which on cleanlab's word is not taken: planted errors showed
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


def suspects(oof_proba: Floats, targets: Ints, rule: str = FILTER) -> tuple[Suspect, ...]:
    """The suspects among h answers, the likeliest error first.

    Args:
        oof_proba: float32 [h, c] by models that had not seen the example.
        targets: int64 [h] in 0..c-1. Classes with fewer than `MIN_EXAMPLES` answers are left out, as cleanlab
            needs every class present and numbered from 0.
        rule: cleanlab's `filter_by`.
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
        for place in _issues(chances, given, rule)
    )


def _issues(chances: NDArray[np.float64], given: Ints, rule: str) -> Ints:
    """Positions whose label is doubted and not the likeliest class, the least trusted label first."""
    from cleanlab.filter import find_label_issues

    found = np.asarray(
        find_label_issues(
            given, chances, return_indices_ranked_by="self_confidence", filter_by=rule, n_jobs=1
        ),
        np.int64,
    )
    doubted = chances[found, given[found]] <= DOUBTED
    return np.asarray(found[doubted & (chances[found].argmax(axis=1) != given[found])], np.int64)
