"""From scores along a video to actions: of several answers to one action only the surest is kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.actions import BACKGROUND, Action
from preseason.errors import UsageError

Doubles = NDArray[np.float64]
_ROUNDING = 1e-4  # averages of float32 probabilities pass 1 by less


def suppress(
    scores: Floats,
    rate: float,
    labels: Sequence[str],
    *,
    window_s: float = 2.0,
    threshold: float = 0.01,
    start_s: float = 0.0,
) -> tuple[Action, ...]:
    """The actions that stand out from `scores`, each class on its own, in order of time.

    The highest score becomes an action, the scores around it are suppressed, and so on while one is left that
    reaches the threshold.
    The time of a peak is refined between the steps by the parabola through it and its neighbours.

    Args:
        scores: float [s, c], probabilities 0..1 at `s` steps for each of `labels`.
        rate: steps a second; step i lies at `start_s + i / rate`.
        labels: c names; `BACKGROUND` gives no actions.
        window_s: full width of what one action suppresses, half of it on either side: two actions of one
            class lie more than half of it apart.
        threshold: lowest confidence of an action.
        start_s: time of the first step.

    Raises:
        UsageError: the scores are no [s, c] probabilities, or a setting is out of range.
    """
    table = _checked(scores, rate, labels, window_s, threshold)
    reach = int(np.floor(window_s * rate / 2 + 1e-9)) + 1
    found = [
        Action(max(0.0, start_s + _refined(table[:, column], step) / rate), label, confidence)
        for column, label in enumerate(labels)
        if label != BACKGROUND
        for step, confidence in _peaks(table[:, column], reach, threshold)
    ]
    return tuple(sorted(found, key=lambda action: (action.time_s, action.label)))


def _checked(
    scores: Floats, rate: float, labels: Sequence[str], window_s: float, threshold: float
) -> Doubles:
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or table.shape[1] != len(labels):
        raise UsageError(f"Scores of {list(table.shape)} received, expected [steps, {len(labels)} labels].")
    if not (table.min(initial=0) >= -_ROUNDING and table.max(initial=1) <= 1 + _ROUNDING):
        raise UsageError("Scores must be probabilities from 0 to 1: apply a softmax or sigmoid first.")
    faults = {
        "rate": rate > 0,
        "window_s": window_s >= 0,
        "threshold": 0 < threshold <= 1,
    }
    wrong = [name for name, fine in faults.items() if not fine]
    if wrong:
        raise UsageError(
            f"No peaks with this {' and '.join(wrong)}: expected a rate above 0, window_s from 0 "
            "on, a threshold above 0 and up to 1."
        )
    return table.clip(0, 1)


def _peaks(scores: Doubles, reach: int, threshold: float) -> list[tuple[int, float]]:
    """Steps and confidences, highest first; of equal scores the earlier step.

    Each takes the scores less than `reach` steps away out of the race.
    """
    free = scores >= threshold
    found = []
    for step in np.argsort(-scores, kind="stable").tolist():
        if free[step]:
            found.append((step, float(scores[step])))
            free[max(step - reach + 1, 0) : step + reach] = False
    return found


def _refined(scores: Doubles, step: int) -> float:
    """The top of the parabola through a peak and its neighbours, at most half a step away from it."""
    if not 0 < step < len(scores) - 1:
        return float(step)
    before, here, after = (float(score) for score in scores[step - 1 : step + 2])
    bend = before - 2 * here + after
    if before > here or after > here or bend >= 0:
        return float(step)
    return step + min(max(0.5 * (before - after) / bend, -0.5), 0.5)
