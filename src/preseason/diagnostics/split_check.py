"""The honest-split receipt: what a split by chance would have claimed, and the pairs that were to blame."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats, Ints
from preseason.data.split import folds
from preseason.evaluation.linear_probe import cross_val_predict
from preseason.runtime.threads import one_blas_thread

FOLDS, REPEATS = 4, 3
MAX_PAIRS = 5
SEED = 0


@dataclass(frozen=True)
class Pair:
    """An example that only a split by chance gets right, and the relative it was right by.

    Attributes:
        tested, learnt: positions; both are of one group.
        wrong: the class that the honest split gives.
        likeness: cosine of their rows.
    """

    tested: int
    learnt: int
    wrong: int
    likeness: float


@dataclass(frozen=True)
class Receipt:
    """A linear head judged twice.

    Attributes:
        honest, chance: accuracy with groups kept together, and with every example dealt out by itself.
        grouped: examples that share a group with another one.
        low, high: bounds of `chance - honest` at 95 %, groups drawn anew.
        pairs: the nearest ones first.
    """

    honest: float
    chance: float
    grouped: int
    low: float
    high: float
    pairs: tuple[Pair, ...]


def honest_split(rows: Floats, targets: Ints, groups: Ints, classes: int) -> Receipt | None:
    """The receipt of n examples; None where no two belong together.

    Args:
        rows: float32 [n, r] of about length 1.
        targets: int64 [n].
        groups: int64 [n].
    """
    sizes = np.bincount(groups)[groups]
    if not (sizes > 1).any():
        return None
    alone = np.arange(len(targets))
    with one_blas_thread():
        honest = _predict_repeatedly(rows, targets, groups, classes)
        chance = _predict_repeatedly(rows, targets, alone, classes)
    both = (np.array([h[0] for h in honest]) >= 0) & (np.array([c[0] for c in chance]) >= 0)
    right_honest = np.array([h[0] == targets for h in honest])
    right_chance = np.array([c[0] == targets for c in chance])
    gains = np.where(both, right_chance * 1.0 - right_honest, 0).mean(axis=0)
    low, high = _bounds(gains[both.any(axis=0)], groups[both.any(axis=0)])
    return Receipt(
        float(right_honest[both].mean()),
        float(right_chance[both].mean()),
        int((sizes > 1).sum()),
        low,
        high,
        _pairs(rows, targets, groups, honest, chance),
    )


def _predict_repeatedly(rows: Floats, targets: Ints, groups: Ints, classes: int) -> list[tuple[Ints, Ints]]:
    """Predicted classes [n], -1 where there is none, and the fold [n] that gave each, for every repeat."""
    splits = [folds(targets, groups, FOLDS, SEED + repeat) for repeat in range(REPEATS)]
    return [cross_val_predict(rows, targets, classes, split) for split in splits]


def _bounds(gains: Floats, groups: Ints) -> tuple[float, float]:
    """Bounds of the mean gain when whole groups are drawn anew."""
    _, place = np.unique(groups, return_inverse=True)
    totals, counts = np.bincount(place, weights=gains), np.bincount(place)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(totals), size=(500, len(totals)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _pairs(
    rows: Floats,
    targets: Ints,
    groups: Ints,
    honest: list[tuple[Ints, Ints]],
    chance: list[tuple[Ints, Ints]],
) -> tuple[Pair, ...]:
    found: dict[int, Pair] = {}
    unit = unit_rows(rows)
    for (said, _), (lucky, fold) in zip(honest, chance, strict=True):
        flipped = np.flatnonzero((said >= 0) & (said != targets) & (lucky == targets))
        for place in flipped.tolist():
            mates = np.flatnonzero((groups == groups[place]) & (fold != fold[place]))
            mates = mates[targets[mates] == targets[place]]
            if len(mates):
                likeness = unit[mates] @ unit[place]
                best = int(likeness.argmax())
                found[place] = Pair(place, int(mates[best]), int(said[place]), float(likeness[best]))
    return tuple(sorted(found.values(), key=lambda pair: -pair.likeness)[:MAX_PAIRS])
