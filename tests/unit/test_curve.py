"""The learning curve: what it foretells, and when it says that it cannot tell."""

import numpy as np
import pytest

from preseason.evaluation.learning_curve import MIN_EXAMPLES, learning_curve

LABELS = ("a", "b", "c")


def blobs(each: int, apart: float, seed: int = 0, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three normal classes with means `apart`, `each` examples of every one."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(3), each)
    means = np.eye(3, width) * apart
    return (means[targets] + rng.normal(size=(len(targets), width))).astype(np.float32), targets


def test_too_few_examples_are_said() -> None:
    rows, targets = blobs(MIN_EXAMPLES - 1, 3.0)
    curve = learning_curve(rows, targets, np.arange(len(targets)), LABELS)
    assert "cannot tell" in curve.reason
    assert curve.forecasts == ()


def test_copies_are_not_independent_examples() -> None:
    rows, targets = blobs(20, 3.0)
    groups = np.arange(len(targets)) // 5
    assert "'a' has 4 independent" in learning_curve(rows, targets, groups, LABELS).reason


@pytest.mark.parametrize("apart", [1.5, 2.5])
def test_accuracy_with_more_labels_lies_in_the_interval(apart: float) -> None:
    rows, targets = blobs(24, apart)
    curve = learning_curve(rows, targets, np.arange(len(targets)), LABELS)
    now, twice, four = curve.forecasts
    assert now.accuracy <= twice.accuracy <= four.accuracy
    more, more_targets = blobs(96, apart, seed=1)
    later = learning_curve(more, more_targets, np.arange(len(more_targets)), LABELS).forecasts[0]
    assert four.low - 0.02 <= later.accuracy <= four.high + 0.02


def test_a_class_that_is_told_already_is_not_asked_for() -> None:
    """The class that lies far from the others needs no more examples; one of two close ones does."""
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(3), (60, 12, 60))
    means = np.zeros((3, 12))
    means[0, 0], means[1, 1], means[2, 2] = 12.0, 1.6, 0.0
    rows = (means[targets] + rng.normal(size=(132, 12))).astype(np.float32)
    gains = {gain.label: gain for gain in learning_curve(rows, targets, np.arange(132), LABELS).gains}
    assert not gains["a"].sure
    assert gains["a"].gain < gains["b"].gain


def test_the_same_rows_give_the_same_curve() -> None:
    rows, targets = blobs(12, 2.0)
    groups = np.arange(len(targets))
    assert learning_curve(rows, targets, groups, LABELS) == learning_curve(rows, targets, groups, LABELS)
