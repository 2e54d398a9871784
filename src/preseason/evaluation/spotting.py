"""How well actions were found in time: SoccerNet's average-mAP, and the plain average precision beside it.

SoccerNet's measure follows its evaluation (Deliege et al. 2021, arXiv 2011.13367; `ActionSpotting.py` of the
package SoccerNet 0.2.0) in every detail that changes the figure:

- Times become cells of a grid of `rate` a second, cut off, not rounded. Of two actions of one class in one
  cell the last counts, labelled or predicted.
- A window of width delta is delta / 2 on either side. Each labelled action, in order of time, takes the
  surest prediction in its window that is still free; of equally sure ones the earliest.
- Precision and recall are taken at 200 confidences from 0 to 1, and the precision is interpolated at the
  recalls 0, 0.1, ... 1 (11 points).
- The average over deltas is the mean of neighbours' means (trapezoids), and that over classes counts a class
  that never occurs as 0.
- For visible and unshown actions, a prediction counts to the kind of the labelled action nearest to it, and
  to the unshown ones where its class does not occur in that recording. The figure for unshown actions
  is multiplied by 17/13 (only 13 of the 17 classes have any) where there is more than one delta.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from preseason.data.actions import Action
from preseason.errors import UsageError

RATE = 2.0
"""Cells a second in SoccerNet-v2; the ball actions are measured at 25 divided by the stride of frames."""
DELTAS_S: dict[str, tuple[float, ...]] = {
    "loose": tuple(float(delta) for delta in range(5, 61, 5)),
    "tight": (1.0, 2.0, 3.0, 4.0, 5.0),
    **{f"at{delta}": (float(delta),) for delta in range(1, 6)},
}
"""Widths in seconds of the windows of each of SoccerNet's measures."""
UNSHOWN_FACTOR = 17 / 13

_THRESHOLDS = np.linspace(0, 1, 200)
_RECALLS = np.arange(11) / 10
_VISIBLE, _UNSHOWN = 1, -1
Doubles = NDArray[np.float64]
Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Recording:
    """What is labelled and what was found in one half, or in one video that holds a whole match."""

    truth: Sequence[Action]
    found: Sequence[Action]


@dataclass(frozen=True)
class AverageMap:
    """One of SoccerNet's measures: over all labelled actions, over the visible and over the unshown ones.

    All values are 0..1; `unshown` may pass 1 by its factor. Classes are in the order asked.
    """

    value: float
    per_class: dict[str, float]
    visible: float
    per_class_visible: dict[str, float]
    unshown: float
    per_class_unshown: dict[str, float]


@dataclass(frozen=True)
class PlainPrecision:
    """Average precision with predictions matched surest first, interpolated at every recall.

    Attributes:
        tolerance_s: how far on either side of an action a prediction counts.
        value: mean over the classes that occur; 0 where none does.
        per_class: 0..1, None for a class that is not labelled anywhere.
        counts: labelled actions of each class.
    """

    tolerance_s: float
    value: float
    per_class: dict[str, float | None]
    counts: dict[str, int]


@dataclass(frozen=True)
class SpottingMetrics:
    """Every figure of what was spotted; `average` holds one AverageMap for each key of `DELTAS_S`."""

    average: dict[str, AverageMap]
    plain: PlainPrecision


def by_half(truth: Iterable[Action], found: Iterable[Action]) -> tuple[Recording, ...]:
    """A recording for each half of one match, in order; actions without a half count to the first."""
    labelled, predicted = tuple(truth), tuple(found)
    halves = sorted({action.half or 1 for action in labelled + predicted})
    return tuple(
        Recording(
            tuple(action for action in labelled if (action.half or 1) == half),
            tuple(action for action in predicted if (action.half or 1) == half),
        )
        for half in halves
    )


def measure(
    recordings: Sequence[Recording],
    labels: Sequence[str] | None = None,
    rate: float = RATE,
    tolerance_s: float = 1.0,
    longest_s: float | None = None,
) -> SpottingMetrics:
    """All of SoccerNet's measures and the plain average precision.

    Args:
        recordings: the order among them does not matter.
        labels: the classes; others are passed over. None takes those that are labelled. To compare with
            published figures give all of them (`preseason.data.soccernet.LABELS`).
        rate: cells a second of SoccerNet's grid.
        tolerance_s: of the plain average precision, on either side.
        longest_s: later actions count to the last cell before it. SoccerNet has 7200, two hours for each
            half; None sets no end, which is the same for whatever is shorter.

    Raises:
        UsageError: there is no class.
    """
    classes = _classes(recordings, labels)
    deltas = sorted({delta for widths in DELTAS_S.values() for delta in widths})
    table = _table(_by_class(recordings, classes, rate, longest_s), deltas, rate)
    average = {
        name: _average(table[:, [deltas.index(delta) for delta in widths]], classes)
        for name, widths in DELTAS_S.items()
    }
    return SpottingMetrics(average, average_precision(recordings, classes, tolerance_s))


def average_map(
    recordings: Sequence[Recording],
    labels: Sequence[str] | None = None,
    deltas_s: Sequence[float] = DELTAS_S["loose"],
    rate: float = RATE,
    longest_s: float | None = None,
) -> AverageMap:
    """SoccerNet's average-mAP for any widths of window; arguments as for `measure`.

    Raises:
        UsageError: there is no class or no width.
    """
    classes = _classes(recordings, labels)
    if not len(deltas_s):
        raise UsageError(
            "Average-mAP needs a width of window in seconds: received none, expected e.g. (1, 2)."
        )
    table = _table(_by_class(recordings, classes, rate, longest_s), deltas_s, rate)
    return _average(table, classes)


def average_precision(
    recordings: Sequence[Recording], labels: Sequence[str] | None = None, tolerance_s: float = 1.0
) -> PlainPrecision:
    """Average precision of each class.

    Predictions of all recordings are taken surest first (the earlier of equally sure ones); each is right
    where a labelled action of its class that no other has taken lies within the tolerance, and takes the
    nearest. Equally sure predictions enter precision and recall together. The area under precision over
    recall uses the best precision at each recall or more (PASCAL VOC 2010 and later).

    Raises:
        UsageError: there is no class.
    """
    classes = _classes(recordings, labels)
    apart = _divided(recordings, classes)
    counts = {label: sum(len(recording.truth) for recording in apart[label]) for label in classes}
    per_class = {label: _plain(apart[label], tolerance_s) if counts[label] else None for label in classes}
    known = [value for value in per_class.values() if value is not None]
    return PlainPrecision(tolerance_s, float(np.mean(known)) if known else 0.0, per_class, counts)


def _classes(recordings: Sequence[Recording], labels: Sequence[str] | None) -> tuple[str, ...]:
    occurring = {action.label for recording in recordings for action in recording.truth}
    classes = tuple(sorted(occurring)) if labels is None else tuple(dict.fromkeys(labels))
    if not classes:
        raise UsageError("There is no action to look for: received no label and no labelled action.")
    return classes


@dataclass
class _Half:
    """One class in one recording, in cells of the grid.

    Attributes:
        truth: int64, rising cells of labelled actions; `kinds` says for each whether it is visible.
        found: int64, rising cells of predictions, with their `scores` and, in `nearest`, the kind of the
            labelled action that is nearest.
    """

    truth: Cells
    kinds: Cells
    found: Cells
    scores: Doubles
    nearest: Cells = field(init=False)

    def __post_init__(self) -> None:
        if not len(self.truth):
            self.nearest = np.full(len(self.found), _UNSHOWN, np.int64)
            return
        borders = (self.truth[:-1] + self.truth[1:]) // 2
        self.nearest = self.kinds[np.searchsorted(borders, self.found, side="right")]

    def right(self, reach: float) -> NDArray[np.bool_]:
        """Which predictions are taken by a labelled action within `reach` cells."""
        low = np.searchsorted(self.found, self.truth - reach, side="left").tolist()
        high = np.searchsorted(self.found, self.truth + reach, side="right").tolist()
        free = self.scores.copy()
        for begin, end in zip(low, high, strict=True):
            if begin < end:
                best = begin + int(free[begin:end].argmax())
                free[best] = -1.0
        return free < 0


def _divided(recordings: Sequence[Recording], classes: tuple[str, ...]) -> dict[str, list[Recording]]:
    """The recordings of each class, with its actions alone, in their order."""
    apart: dict[str, list[Recording]] = {label: [] for label in classes}
    for recording in recordings:
        truth, found = _by_label(recording.truth), _by_label(recording.found)
        for label in classes:
            apart[label].append(Recording(truth.get(label, []), found.get(label, [])))
    return apart


def _by_label(actions: Sequence[Action]) -> dict[str, list[Action]]:
    sorted_out: dict[str, list[Action]] = {}
    for action in actions:
        sorted_out.setdefault(action.label, []).append(action)
    return sorted_out


def _by_class(
    recordings: Sequence[Recording], classes: tuple[str, ...], rate: float, longest_s: float | None
) -> list[list[_Half]]:
    apart = _divided(recordings, classes)
    return [[_half(recording, rate, longest_s) for recording in apart[label]] for label in classes]


def _half(recording: Recording, rate: float, longest_s: float | None) -> _Half:
    truth, found = recording.truth, recording.found
    kinds = np.array([_VISIBLE if action.visible else _UNSHOWN for action in truth], np.int64)
    scores = np.array([action.confidence for action in found], np.float64)
    at, first = _last_of_each(_cells(truth, rate, longest_s))
    where, second = _last_of_each(_cells(found, rate, longest_s))
    return _Half(at, kinds[first], where, scores[second])


def _cells(actions: Sequence[Action], rate: float, longest_s: float | None) -> Cells:
    milliseconds = np.array([round(action.moment_s * 1000) for action in actions], np.int64)
    cells = (rate * (milliseconds / 1000)).astype(np.int64)
    return cells if longest_s is None else np.minimum(cells, int(longest_s * rate) - 1)


def _last_of_each(cells: Cells) -> tuple[Cells, Cells]:
    """The distinct cells, rising, and for each the index of the last that is in it."""
    distinct, reverse = np.unique(cells[::-1], return_index=True)
    return distinct, (len(cells) - 1 - reverse).astype(np.int64)


def _table(halves: list[list[_Half]], deltas_s: Sequence[float], rate: float) -> Doubles:
    """float64 [3, deltas, classes]: average precision of all, of visible and of unshown actions."""
    rows = [[_precisions(of_class, delta * rate / 2) for of_class in halves] for delta in deltas_s]
    return np.array(rows, np.float64).transpose(2, 0, 1)


def _precisions(halves: list[_Half], reach: float) -> tuple[float, float, float]:
    right = np.concatenate([half.right(reach) for half in halves])
    scores = np.concatenate([half.scores for half in halves])
    nearest = np.concatenate([half.nearest for half in halves])
    kinds = np.concatenate([half.kinds for half in halves])
    every = _eleven_points(scores, right, len(kinds))
    of_kind = [
        _eleven_points(scores[nearest == kind], right[nearest == kind], int((kinds == kind).sum()))
        for kind in (_VISIBLE, _UNSHOWN)
    ]
    return every, of_kind[0], of_kind[1]


def _eleven_points(scores: Doubles, right: NDArray[np.bool_], total: int) -> float:
    """Mean of the best precisions at recalls 0, 0.1, ... 1 or more, over the 200 thresholds."""
    said = len(scores) - np.searchsorted(np.sort(scores), _THRESHOLDS, side="left")
    hits = right.sum() - np.searchsorted(np.sort(scores[right]), _THRESHOLDS, side="left")
    precision = np.divide(hits, said, out=np.zeros(len(said)), where=said > 0)
    recall = hits / total if total else np.zeros(len(said))
    reached = recall[:, None] >= _RECALLS
    return float(np.where(reached, precision[:, None], 0.0).max(axis=0).mean())


def _average(table: Doubles, classes: tuple[str, ...]) -> AverageMap:
    """Trapezoids over deltas of a table [3, deltas, classes], then the mean over classes."""
    several = table.shape[1] > 1
    halfway = (table[:, :-1] + table[:, 1:]) / 2 if several else table
    over_deltas = halfway.mean(axis=1)
    every, visible, unshown = over_deltas.mean(axis=1).tolist()
    named = [dict(zip(classes, row, strict=True)) for row in over_deltas.tolist()]
    factor = UNSHOWN_FACTOR if several else 1.0
    return AverageMap(every, named[0], visible, named[1], unshown * factor, named[2])


def _plain(recordings: Sequence[Recording], tolerance_s: float) -> float:
    """Average precision of the one class that the recordings hold."""
    truths = [sorted(action.moment_s for action in recording.truth) for recording in recordings]
    found = sorted(
        (-action.confidence, action.moment_s, index)
        for index, recording in enumerate(recordings)
        for action in recording.found
    )
    if not found:
        return 0.0
    free = [[True] * len(times) for times in truths]
    right = [_takes(truths[index], free[index], time_s, tolerance_s) for _, time_s, index in found]
    confidence = np.array([entry[0] for entry in found])
    return _area(np.array(right), confidence, sum(len(times) for times in truths))


def _takes(times: list[float], free: list[bool], time_s: float, tolerance_s: float) -> bool:
    """Whether a free action lies within the tolerance; the nearest is free no longer."""
    reach = tolerance_s + 1e-9  # 0.1 + 0.2 is within 0.3
    near = range(bisect_left(times, time_s - reach), bisect_right(times, time_s + reach))
    nearest = min((at for at in near if free[at]), key=lambda at: abs(times[at] - time_s), default=None)
    if nearest is None:
        return False
    free[nearest] = False
    return True


def _area(right: NDArray[np.bool_], order: Doubles, total: int) -> float:
    """Area under precision over recall; predictions of one value of `order` enter together."""
    last = np.flatnonzero(np.append(np.diff(order) != 0, True))
    hits = np.cumsum(right)[last]
    precision = np.maximum.accumulate((hits / (last + 1))[::-1])[::-1]
    gained = np.diff(np.append(0, hits)) / total
    return float((precision * gained).sum())
