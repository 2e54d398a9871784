"""Find more like these: the moments of a match nearest to a few examples, with no model fitted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats
from preseason.data.actions import Action
from preseason.data.clock import clock
from preseason.errors import UsageError

Doubles = NDArray[np.float64]
_CHUNK = 1024  # rows
_SAMPLE = 1536  # rows from which the principal directions are found
_DIRECTIONS = 64
_ROWS_EACH = 4  # rows for each direction, at least


@dataclass(frozen=True)
class Moment:
    """A time of a video that resembles the examples.

    Attributes:
        time_s: seconds from the beginning.
        likeness: mean cosine to the examples, -1..1.
        nearest_s: the example that it resembles most.
    """

    time_s: float
    likeness: float
    nearest_s: float


def nearest(
    features: Floats,
    examples: Sequence[float],
    rate: float,
    n: int = 30,
    apart_s: float = 2.0,
    start_s: float = 0.0,
) -> tuple[Moment, ...]:
    """The `n` moments most like the examples, most alike first; fewer where there is no room for more.

    Every dimension is brought to mean 0 and spread 1 over the match, so that what is the same throughout (the
    pitch) counts for nothing; then the match's 64 principal directions are brought to one spread, so that
    what varies most (the camera, the crowd) counts no more than the rest. Likeness is the mean cosine to the
    examples. A moment keeps `apart_s` from every other and from the examples, which are not given again.

    Args:
        features: float [s, d], one row for each step, finite; may be a memory map.
        examples: times in seconds.
        rate: steps a second; step i lies at `start_s + i / rate`.
        n: how many moments.
        apart_s: least seconds between two moments.
        start_s: time of the first step.

    Raises:
        UsageError: there is no example, one lies outside the features, or an argument is out of range.
    """
    _check(features, rate, n, apart_s)
    steps = [step_of(time_s, rate, start_s, len(features)) for time_s in examples]
    if not steps:
        raise UsageError("There is no example to search by: give one or more times, e.g. --similar-to 12:31.")
    rows = placed(features)
    alike = rows @ rows[steps].T
    mean = alike.mean(axis=1)
    times = start_s + np.arange(len(features)) / rate
    free = np.all([np.abs(times - time_s) >= apart_s for time_s in examples], axis=0)
    free[steps] = False
    chosen = apart(mean, times, free, n, apart_s)
    return tuple(
        Moment(float(times[step]), float(mean[step]), float(examples[int(alike[step].argmax())]))
        for step in chosen
    )


def as_actions(moments: Iterable[Moment], label: str, examples: Iterable[float] = ()) -> tuple[Action, ...]:
    """Accepted moments, and the examples, as actions in order of time, to be written as labels.

    Raises:
        UsageError: the label is empty or a time is negative.
    """
    found = [Action(round(moment.time_s, 3), label) for moment in moments]
    found += [Action(round(time_s, 3), label) for time_s in examples]
    return tuple(sorted(dict.fromkeys(found), key=lambda action: action.time_s))


def _check(features: Floats, rate: float, n: int, apart_s: float) -> None:
    if features.ndim != 2 or not features.size:
        raise UsageError(f"Features of {list(features.shape)} received, expected numbers [steps, width].")
    if not (rate > 0 and n >= 1 and apart_s >= 0):
        raise UsageError(
            f"Cannot search with rate={rate}, n={n}, apart_s={apart_s}: expected a rate above 0, n from 1 on "
            "and apart_s from 0 on."
        )


def step_of(time_s: float, rate: float, start_s: float, count: int) -> int:
    """The step at a time.

    Raises:
        UsageError: it lies outside of the `count` steps.
    """
    step = round((time_s - start_s) * rate)
    if not 0 <= step <= count:
        last = start_s + (count - 1) / rate
        raise UsageError(
            f"The example at {clock(abs(time_s), 1)} lies outside the video: it runs from "
            f"{clock(start_s, 1)} to {clock(last, 1)}."
        )
    return min(step, count - 1)


def placed(features: Floats) -> Doubles:
    """float64 [s, k]: all rows, standardised, turned to the directions along which they vary, of length 1.

    Rows are read in chunks, so that features may be a memory map larger than the memory.
    """
    mean = sum(chunk.sum(axis=0) for chunk in _chunks(features)) / len(features)
    if not np.isfinite(mean).all():
        raise UsageError("The features hold numbers that are not finite, so nothing can be compared.")
    spread = np.sqrt(sum(((chunk - mean) ** 2).sum(axis=0) for chunk in _chunks(features)) / len(features))
    # a column of one value is left with rounding errors
    scale = np.where(spread > 1e-6 * np.abs(mean), spread, np.inf)
    turn = _directions((features[_sampled(len(features))].astype(np.float64) - mean) / scale)

    def turned(rows: Doubles) -> Doubles:
        centred = (rows - mean) / scale
        return unit_rows(centred if turn is None else centred @ turn)

    return np.concatenate([turned(chunk) for chunk in _chunks(features)])


def _sampled(count: int) -> NDArray[np.int64]:
    """Rows evenly spread, all of them where they are few."""
    return np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).round().astype(np.int64))


def _directions(rows: Doubles) -> Doubles | None:
    """float64 [d, k]: principal directions, divided by the spread of the rows along them.

    They come from the products of rows, of which there are fewer than columns. None where the rows are too
    few to say how they vary.
    """
    most = min(_DIRECTIONS, len(rows) // _ROWS_EACH)
    if most < _DIRECTIONS // _ROWS_EACH:
        return None
    values, vectors = np.linalg.eigh(rows @ rows.T)
    largest = np.flatnonzero(values > 1e-6 * values[-1])[-most:] if values[-1] > 0 else np.zeros(0, np.int64)
    return np.asarray(rows.T @ (vectors[:, largest] / values[largest]))


def _chunks(features: Floats) -> Iterator[Doubles]:
    for begin in range(0, len(features), _CHUNK):
        yield features[begin : begin + _CHUNK].astype(np.float64)


def apart(alike: Doubles, times: Doubles, free: NDArray[np.bool_], n: int, apart_s: float) -> list[int]:
    """The `n` best free steps, best first (the earlier of equal ones), no two nearer than `apart_s`."""
    chosen: list[int] = []
    for step in np.argsort(-alike, kind="stable").tolist():
        if len(chosen) == n:
            break
        if free[step]:
            chosen.append(step)
            free &= np.abs(times - times[step]) >= apart_s
            free[step] = False
    return chosen
