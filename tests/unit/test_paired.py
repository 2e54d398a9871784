"""The paired interval holds its promise, and groups are one piece of evidence each."""

import numpy as np
import pytest

from preseason.analysis.compare import verdict
from preseason.evaluation.paired import examples_needed, paired


def right(*counts: int) -> tuple[np.ndarray, np.ndarray]:
    """Both right, only the first, only the second, neither."""
    first = np.repeat([True, True, False, False], counts)
    second = np.repeat([True, False, True, False], counts)
    return first, second


def test_the_figures_are_those_of_the_table() -> None:
    found = paired(*right(60, 5, 15, 20), np.arange(100))
    assert (found.both, found.only_first, found.only_second, found.neither) == (60, 5, 15, 20)
    assert found.difference == pytest.approx(0.1)
    # Agresti and Min 2005: (b - c) / (n + 2) and sqrt((b + c + 1) - (b - c)^2 / (n + 2)) / (n + 2).
    middle, half = 10 / 102, 1.984 * np.sqrt(21 - 100 / 102) / 102
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-3)
    assert found.p_value == pytest.approx(0.0414, abs=1e-4)  # binomial, 5 of 20, both sides


@pytest.mark.parametrize(("n", "apart"), [(40, 0.05), (40, 0.3), (200, 0.1)])
def test_the_interval_holds_the_truth_nineteen_times_in_twenty(n: int, apart: float) -> None:
    rng = np.random.default_rng(0)
    gain = 0.6 * apart - 0.4 * apart
    held = 0
    for _ in range(600):
        drawn = rng.choice(4, n, p=[0.6 * (1 - apart), 0.4 * apart, 0.6 * apart, 0.4 * (1 - apart)])
        found = paired((drawn == 0) | (drawn == 1), (drawn == 0) | (drawn == 2), np.arange(n))
        held += found.low <= gain <= found.high
    assert held / 600 > 0.93


def test_copies_are_no_evidence() -> None:
    """Ten examples copied ten times each tell hardly more than the ten."""
    first, second = right(4, 1, 5, 0)
    groups = np.repeat(np.arange(10), 10)
    once = paired(first, second, np.arange(10))
    copied = paired(np.repeat(first, 10), np.repeat(second, 10), groups)
    naive = paired(np.repeat(first, 10), np.repeat(second, 10), np.arange(100))
    assert naive.sure
    assert not copied.sure
    assert not once.sure
    assert copied.p_value == pytest.approx(once.p_value)
    assert paired(first, second, np.zeros(10, int)).p_value == 1.0


def test_the_verdict_names_the_better_one_and_says_when_it_may_be_chance() -> None:
    sure = verdict(paired(*right(50, 2, 30, 18), np.arange(100)), ("old", "new"))
    assert "new is better than old by 28.0 points" in sure
    assert sure.endswith("more than chance.")
    unsure = verdict(paired(*right(50, 6, 4, 40), np.arange(100)), ("old", "new"))
    assert "old is better than new by 2.0 points (95 % CI -" in unsure
    assert "this may be chance" in unsure
    same = paired(*right(50, 0, 0, 50), np.arange(100))
    assert "same examples" in verdict(same, ("old", "new"))
    assert same.low < 0 < same.high
    assert examples_needed(same) is None
