"""How accuracy grows with labels: measured on parts of the bank, carried on by a power law.

A linear head is fitted on growing shares of each class, several times over, and judged on groups held out.
Error against examples follows `a + b n^-c` (Hestness et al. 2017, arXiv 1712.00409). Few points cannot tell
the floor `a`, so one law has it free and another has none; their mean is told, and the interval holds both.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.data.split import folds
from preseason.evaluation.linear_probe import fit_predict, shorten
from preseason.runtime.threads import one_blas_thread

MIN_EXAMPLES = 8
"""Independent examples of the smallest class below which nothing can be told."""
SHARES = (0.25, 0.35, 0.5, 0.7, 1.0)
REPEATS, FOLDS = 2, 4
MAX_EXAMPLES = 1500
ENSEMBLE = 200
EXPONENTS = np.geomspace(0.02, 2.0, 120)
"""Of the power laws that are tried."""
MISFIT = 0.025
"""Standard deviation, for each doubling, of what no power law through few noisy points foresees."""
DOUBLINGS = (2, 4)
MORE = 20
"""Further examples of one class whose worth is told."""
MAX_CLASSES = 12
"""Classes whose single worth is measured, those with the fewest examples first."""
SEED = 0


@dataclass(frozen=True)
class Forecast:
    """Accuracy expected with `times` as many labels; `low` and `high` bound it at 90 %."""

    times: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What `MORE` further examples of one class add to the accuracy of all, with its standard error.

    Repeats share their examples, so the error counts folds alone.
    """

    label: str
    gain: float
    error: float

    @property
    def sure(self) -> bool:
        """Whether there is a gain beyond the chance of the draw, several classes being asked."""
        return self.gain > 2.5 * self.error


@dataclass(frozen=True)
class Curve:
    """The learning curve of a linear head.

    Attributes:
        sizes: mean number of examples a class that were learnt from, rising.
        accuracies: on held-out groups, mean of all draws.
        forecasts: with more labels of every class.
        gains: of single classes, the largest first.
        reason: why nothing is told; empty where something is.
    """

    sizes: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    gains: tuple[Gain, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class _Task:
    """Short rows [n, r] with what the draws need."""

    rows: Floats
    targets: Ints
    groups: Ints
    classes: int


def learning_curve(rows: Floats, targets: Ints, groups: Ints, labels: tuple[str, ...]) -> Curve:
    """The curve of n examples.

    Args:
        rows: float32 [n, d] features of whole examples.
        targets: int64 [n] in 0..len(labels)-1.
        groups: int64 [n]; what shares a number is never parted.
        labels: class names.
    """
    fewest, name = _fewest_groups(targets, groups, labels)
    if fewest < MIN_EXAMPLES:
        return Curve(reason=_too_few(fewest, name))
    with one_blas_thread():
        return _curve(_shortened(rows, targets, groups, len(labels)), labels)


def curve_of_short(rows: Floats, targets: Ints, groups: Ints, labels: tuple[str, ...]) -> Curve:
    """The curve from rows [m, r] that are short and of about length 1 already, see `learning_curve`."""
    fewest, name = _fewest_groups(targets, groups, labels)
    if fewest < MIN_EXAMPLES:
        return Curve(reason=_too_few(fewest, name))
    with one_blas_thread():
        return _curve(_Task(rows, targets, groups, len(labels)), labels)


def _curve(task: _Task, labels: tuple[str, ...]) -> Curve:
    sizes, right = _measured(task)
    forecasts = _forecasts(sizes, right, _scatter(task))
    gains = _gains(task, labels, forecasts)
    order = tuple(sorted(gains, key=lambda each: -each.gain))
    means = tuple(float(a) for a in right.mean(axis=1))
    return Curve(tuple(float(s) for s in sizes), means, forecasts, order)


def _too_few(fewest: int, name: str) -> str:
    return f"cannot tell: {name!r} has {fewest} independent examples, and {MIN_EXAMPLES} are the fewest"


def _fewest_groups(targets: Ints, groups: Ints, labels: tuple[str, ...]) -> tuple[int, str]:
    counts = [len(np.unique(groups[targets == index])) for index in range(len(labels))]
    fewest = int(np.argmin(counts))
    return counts[fewest], labels[fewest]


def _shortened(rows: Floats, targets: Ints, groups: Ints, classes: int) -> _Task:
    """At most `MAX_EXAMPLES` examples in few directions."""
    if len(rows) > MAX_EXAMPLES:
        kept = np.sort(np.random.default_rng(SEED).permutation(len(rows))[:MAX_EXAMPLES])
        rows, targets, groups = rows[kept], targets[kept], groups[kept]
    return _Task(shorten(rows), targets, groups, classes)


def _draws(task: _Task) -> Iterator[tuple[Ints, Ints, np.random.Generator]]:
    """Training and held-out positions of every fold of every repeat."""
    for repeat in range(REPEATS):
        for train, held in folds(task.targets, task.groups, FOLDS, SEED + repeat):
            yield train, held, np.random.default_rng((SEED, repeat, len(train), int(held[0])))


def _part(task: _Task, train: Ints, shares: Floats, rng: np.random.Generator) -> Ints:
    """Positions of whole groups, about `shares[c]` of each class c, one group of each at least."""
    order = rng.permutation(np.unique(task.groups[train]))
    place = np.empty(int(task.groups.max()) + 1, np.int64)
    place[order] = np.arange(len(order))
    chosen = []
    for index in np.unique(task.targets[train]):
        own = train[task.targets[train] == index]
        own = own[np.argsort(place[task.groups[own]], kind="stable")]
        chosen.append(own[: max(1, round(float(shares[index]) * len(own)))])
    return np.concatenate(chosen)


def _accuracy(task: _Task, part: Ints, held: Ints) -> float:
    predicted = fit_predict(task.rows, task.targets, task.classes, part, held)
    return float((predicted == task.targets[held]).mean())


def _measured(task: _Task) -> tuple[Floats, Floats]:
    """Mean examples a class [s] and accuracy of every draw [s, draws]."""
    draws = list(_draws(task))
    right = np.zeros((len(SHARES), len(draws)), np.float32)
    count = np.zeros(len(SHARES), np.float32)
    for place, (train, held, rng) in enumerate(draws):
        for row, share in enumerate(SHARES):
            part = _part(task, train, np.full(task.classes, share, np.float32), rng)
            right[row, place] = _accuracy(task, part, held)
            count[row] += len(part) / task.classes / len(draws)
    return count, right


def _scatter(task: _Task) -> float:
    """Standard deviation of an accuracy on as many groups as there are, beyond what the draws share."""
    return float(0.5 / np.sqrt(len(np.unique(task.groups))))


def _forecasts(sizes: Floats, right: Floats, scatter: float) -> tuple[Forecast, ...]:
    """Both laws at multiples of all labels, with draws and held-out examples resampled."""
    rng = np.random.default_rng(SEED)
    whole = float(sizes[-1]) * FOLDS / (FOLDS - 1)
    wanted = np.array([whole, *(whole * times for times in DOUBLINGS)], np.float32)
    drawn = right[:, rng.integers(right.shape[1], size=(ENSEMBLE, right.shape[1]))].mean(axis=2).T
    spread = 2 * scatter * np.sqrt(np.maximum(drawn[:, -1] * (1 - drawn[:, -1]), 0.01))
    drawn = drawn + rng.normal(0, spread)[:, None]
    each = np.concatenate([_laws(sizes, drawn[floor::2], wanted, floor=not floor) for floor in (0, 1)])
    each = each + rng.normal(0, MISFIT, ENSEMBLE)[:, None] * np.log2(wanted / whole)
    means = right.mean(axis=1)[None]
    middle = (_laws(sizes, means, wanted, floor=True) + _laws(sizes, means, wanted, floor=False))[0] / 2
    low, high = np.quantile(each, [0.05, 0.95], axis=0)
    return tuple(
        Forecast(times, float(middle[i]), float(min(low[i], middle[i])), float(max(high[i], middle[i])))
        for i, times in enumerate((1, *DOUBLINGS))
    )


def _laws(sizes: Floats, accuracies: Floats, wanted: Floats, floor: bool) -> Floats:
    """Accuracy [m, w] at `wanted` by the least-squares power laws through m rows of measured ones [m, s].

    For each of `EXPONENTS` the law is linear in its floor and its slope, and least squares are written down:
    the best of them all is taken. Bounds are 0 for the floor and 0..1 for the slope.
    """
    errors = np.clip(1 - np.asarray(accuracies, np.float64), 1e-4, 1)[:, None, :]
    weights = np.asarray(sizes / sizes[-1], np.float64)
    shape = weights ** -EXPONENTS[:, None]
    slopes = np.clip((weights * shape * errors).sum(2) / (weights * shape**2).sum(1), 0, 1)
    floors = np.zeros_like(slopes)
    if floor:
        total = weights.sum()
        middle, mean = (weights * shape).sum(1) / total, (weights * errors).sum(2) / total
        along = shape - middle[:, None]
        free = np.clip((weights * along * errors).sum(2) / (weights * along**2).sum(1), 0, 1)
        below = mean - free * middle
        slopes, floors = np.where(below > 0, free, slopes), np.maximum(below, 0)
    missed = (weights * (floors[..., None] + slopes[..., None] * shape - errors) ** 2).sum(2)
    best = missed.argmin(axis=1)[:, None]
    slope, least = (np.take_along_axis(each, best, 1) for each in (slopes, floors))
    at = (np.asarray(wanted, np.float64) / sizes[-1]) ** -EXPONENTS[best]
    return np.asarray(np.clip(1 - least - slope * at, 0, 1), np.float32)


def _gains(task: _Task, labels: tuple[str, ...], forecasts: tuple[Forecast, ...]) -> list[Gain]:
    """What halving a class costs tells what more of it brings: a doubling gives what is left of that."""
    counts = np.bincount(task.targets, minlength=task.classes)
    asked = [int(index) for index in np.argsort(counts, kind="stable")[:MAX_CLASSES]]
    lost: dict[int, list[float]] = {index: [] for index in asked}
    for train, held, rng in _draws(task):
        state = rng.bit_generator.state
        full = _accuracy(task, train, held)
        for index in asked:
            rng.bit_generator.state = state
            shares = np.ones(task.classes, np.float32)
            shares[index] = 0.5
            lost[index].append(full - _accuracy(task, _part(task, train, shares, rng), held))
    left = _left(forecasts)
    return [
        _gain(labels[index], np.array(each, np.float32) * np.float32(left), int(counts[index]))
        for index, each in lost.items()
    ]


def _left(forecasts: tuple[Forecast, ...]) -> float:
    """A further doubling gives this share of what the last one gave, by the law itself."""
    first = forecasts[1].accuracy - forecasts[0].accuracy
    second = forecasts[2].accuracy - forecasts[1].accuracy
    return float(np.clip(second / first, 0.1, 1.0)) if first > 1e-6 else 0.5


def _gain(label: str, doubled: Floats, count: int) -> Gain:
    times = float(np.log2(1 + MORE / max(count, 1)))
    error = float(doubled.std(ddof=1) / np.sqrt(FOLDS))
    return Gain(label, float(doubled.mean()) * times, error * times)
