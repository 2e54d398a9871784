"""Strangers told by a part that some examples show, such as a face, joined with another score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.inference.strangers import PartEvidence, part_distance

MAX_NEAREST = 5
FEWEST = 10
"""Known examples and strangers that must show a part, and that must show none, for a score to be fitted."""


@dataclass(frozen=True)
class Asked:
    """A round in which one class is the stranger.

    Attributes:
        train, known, strangers: int64, positions of the references, of known examples, of strangers.
        known_far, strangers_far: float32, the other score of these.
    """

    train: Ints
    known: Ints
    strangers: Ints
    known_far: Floats
    strangers_far: Floats


def fit_evidence(parts: Floats, labels: Ints, rounds: Sequence[Asked]) -> PartEvidence | None:
    """How the part's distance and the other score are joined: logistic regressions over all rounds.

    Known examples and strangers weigh the same. A slope below 0 would mean that what is farther is better
    known: that score is then left out.

    Args:
        parts: float32 [n, d], zeros where there is none.
        labels: int64 [n].

    Returns:
        None where too few examples show a part.
    """
    there = parts.any(axis=1)
    if not there.any():
        return None
    nearest = min(int(np.unique(labels[there], return_counts=True)[1].min()), MAX_NEAREST)
    shown, hidden = _examples(parts, rounds, nearest)
    if min(np.bincount(shown[1], minlength=2)) < FEWEST:
        return None
    with_part = _logistic(*shown)
    enough = min(np.bincount(hidden[1], minlength=2)) >= FEWEST
    without = _logistic(hidden[0][:, 1:], hidden[1]) if enough else _like(with_part, shown[0])
    return PartEvidence(parts, nearest, np.concatenate([with_part, without]).astype(np.float32))


def joined_rounds(
    evidence: PartEvidence, parts: Floats, rounds: Sequence[Asked]
) -> list[tuple[Floats, Floats]]:
    """The joined scores of known examples and of strangers in each round, by that round's references."""
    found = []
    for each in rounds:
        seen = PartEvidence(parts[each.train], evidence.nearest, evidence.weights)
        found.append(
            (
                seen.joined(each.known_far, parts[each.known]),
                seen.joined(each.strangers_far, parts[each.strangers]),
            )
        )
    return found


def _examples(
    parts: Floats, rounds: Sequence[Asked], nearest: int
) -> tuple[tuple[Floats, Ints], tuple[Floats, Ints]]:
    """Both scores [m, 2] and whether it is a stranger [m], of all that show a part and of all others."""
    scores, strange, shows = [], [], []
    for each in rounds:
        references = parts[each.train]
        asked = np.concatenate([each.known, each.strangers])
        far = part_distance(references[references.any(axis=1)], parts[asked], nearest)
        scores.append(np.stack([far, np.concatenate([each.known_far, each.strangers_far])], axis=1))
        strange.append(np.repeat([0, 1], [len(each.known), len(each.strangers)]))
        shows.append(parts[asked].any(axis=1))
    rows, truth, shown = np.concatenate(scores), np.concatenate(strange), np.concatenate(shows)
    return (rows[shown], truth[shown]), (rows[~shown], truth[~shown])


def _logistic(rows: Floats, truth: Ints) -> Floats:
    """Intercept and slopes, float64 [1 + k], of the columns as they are; slopes are at least 0."""
    from sklearn.linear_model import LogisticRegression

    slopes = np.zeros(rows.shape[1])
    used = np.arange(rows.shape[1])
    while len(used):
        mean, deviation = rows[:, used].mean(axis=0), rows[:, used].std(axis=0) + 1e-9
        model = LogisticRegression(class_weight="balanced").fit((rows[:, used] - mean) / deviation, truth)
        found = model.coef_[0] / deviation
        if (found >= 0).all():
            slopes[used] = found
            return np.concatenate([model.intercept_ - found @ mean, slopes])
        used = used[found >= 0]
    return np.zeros(1 + rows.shape[1])


def _like(weights: Floats, rows: Floats) -> Floats:
    """For examples without a part, where too few are: the same slope, at a middling part."""
    return np.array([weights[0] + weights[1] * float(np.median(rows[:, 0])), weights[2]])
