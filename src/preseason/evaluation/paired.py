"""Two models on the same n examples: by how much one is better, and whether that may be chance."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Ints

DRAWS = 10_000
"""Of the signs of groups; a p-value is then exact to about a hundredth of 1 %."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Difference:
    """The second model against the first, on n examples of `groups` independent groups.

    Attributes:
        difference: accuracy of the second less that of the first, -1 to 1.
        low, high: its interval at 95 %.
        p_value: chance of a difference as large between models that are equally good.
        only_first, only_second, both, neither: how many examples were answered rightly by whom.
    """

    n: int
    groups: int
    difference: float
    low: float
    high: float
    p_value: float
    only_first: int
    only_second: int
    both: int
    neither: int

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def paired(first: Bools, second: Bools, groups: Ints) -> Difference:
    """The difference of two models' accuracies on the same examples.

    The interval is Wald's with half an example added to each cell of the table, which holds its coverage
    when few answers differ (Agresti and Min 2005), widened by the design effect of groups.
    The p-value is McNemar's exact one; where examples come in groups, signs of whole groups are flipped.

    Args:
        first, second: bool [n], which answers of each are right; n is 1 or more.
        groups: int64 [n]; what shares a number is no independent evidence.
    """
    gained = second.astype(np.int64) - first.astype(np.int64)
    only_first, only_second = int((gained < 0).sum()), int((gained > 0).sum())
    n, apart = len(gained), only_second - only_first
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=gained).astype(np.float64)
    middle = apart / (n + 2)
    variance = (only_first + only_second + 1) - apart**2 / (n + 2)
    half = (
        _quantile(len(sums)) * math.sqrt(max(variance, 0.0) * _design_effect(gained, sums, place)) / (n + 2)
    )
    p_value = _mcnemar(only_first, only_second) if len(sums) == n else _sign_test(sums)
    return Difference(
        n, len(sums), apart / n, max(middle - half, -1.0), min(middle + half, 1.0), p_value,
        only_first, only_second, int((first & second).sum()), int((~first & ~second).sum()),
    )  # fmt: skip


def examples_needed(difference: Difference) -> int | None:
    """About how many examples would tell the two apart, were the difference seen the true one; None for 0."""
    if difference.difference == 0:
        return None
    half = (difference.high - difference.low) / 2
    return math.ceil(difference.n * (half / abs(difference.difference)) ** 2 * 1.1)


def _design_effect(gained: Ints, sums: NDArray[np.float64], place: Ints) -> float:
    """By how much groups widen the variance of the mean; never below 1, as few groups could feign."""
    if len(sums) == len(gained):
        return 1.0
    mean = gained.mean()
    alone = float(((gained - mean) ** 2).sum())
    sizes = np.bincount(place)
    together = float(((sums - mean * sizes) ** 2).sum()) * len(sums) / max(len(sums) - 1, 1)
    return max(together / alone, 1.0) if alone > 0 else 1.0


def _quantile(groups: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, max(groups - 1, 1)))


def _mcnemar(only_first: int, only_second: int) -> float:
    from scipy.stats import binomtest

    differ = only_first + only_second
    return float(binomtest(only_first, differ).pvalue) if differ else 1.0


def _sign_test(sums: NDArray[np.float64]) -> float:
    """Share of the signs of the groups, all or `DRAWS` random ones, that give as large a sum."""
    from scipy.stats import permutation_test

    told, rng = (sums[sums != 0],), np.random.default_rng(0)
    if told[0].size < 2:  # both signs give as much
        return 1.0
    found = permutation_test(told, np.sum, permutation_type="samples", n_resamples=DRAWS, rng=rng)
    return float(found.pvalue)
