"""A linear head on many examples: the answers of a regression in memory, from rows that lie in a file."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from preseason.arrays import scaling
from preseason.arrays.scaling import rotation_of
from preseason.heads import linear
from preseason.heads.base import TrainingSet
from preseason.heads.streamed import in_a_file, logistic_regression_over
from preseason.inference.features import Features
from preseason.inference.probabilities import softmax

WIDTH = 32


@pytest.fixture(autouse=True)
def few_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """More examples than are needed for all directions only cost time."""
    monkeypatch.setattr(scaling, "MAX_COMPONENTS", 256)


def rows_of(count: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows float16 [n, WIDTH] whose classes overlap, and their targets."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, count)
    return (rng.normal(size=(count, WIDTH)) + np.eye(classes, WIDTH)[targets]).astype(np.float16), targets


def training_set(count: int, classes: int = 3) -> TrainingSet:
    rows, targets = rows_of(count, classes)
    half = np.arange(count) % 2 == 0
    folds = [(np.flatnonzero(half), np.flatnonzero(~half))]
    return TrainingSet(Features.of([rows[:, None]]), targets, classes, folds, 0)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_optimum_is_that_of_scikit_learn(classes: int, tmp_path: Path) -> None:
    x, targets = rows_of(3000, classes)
    filed = in_a_file(x.shape, tmp_path / "new")
    filed[:] = x
    exact = LogisticRegression(C=0.01 * WIDTH, tol=1e-8, max_iter=1000).fit(x.astype(np.float64), targets)
    nothing = np.zeros((WIDTH, classes), np.float32), np.zeros(classes, np.float32)
    weight, bias = logistic_regression_over(filed, targets, classes, 0.01, nothing)
    np.testing.assert_allclose(softmax(x @ weight + bias), exact.predict_proba(x), atol=2e-3)
    assert not list((tmp_path / "new").iterdir())


def test_a_class_without_examples_is_never_the_answer() -> None:
    x, targets = rows_of(300, 2)
    start = linear.logistic_regression(x[:100].astype(np.float32), targets[:100], 3, 0.01)
    weight, bias = logistic_regression_over(x, targets, 3, 0.01, start)
    assert bias[2] == -30
    assert not weight[:, 2].any()


def test_a_head_on_many_examples_is_that_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    given = training_set(2000)
    expected = softmax(linear.Linear().fit(given).logits(given.features))
    monkeypatch.setattr(linear, "STREAMED", 1000)
    found = softmax(linear.Linear().fit(given).logits(given.features))
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_memory_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "STREAMED", 1000)
    peaks = []
    for count in (8000, 40_000):
        given = training_set(count)
        tracemalloc.start()
        linear.Linear().fit(given)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Positions and targets of a row; the row itself has four bytes for each of WIDTH.
    assert (peaks[1] - peaks[0]) / 32_000 < 60, peaks


def test_directions_are_orthonormal_and_no_more_than_features() -> None:
    """Of more rows than features, where the other directions would be rounding."""
    rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    directions = rotation_of(rows, 0)[:, -8:]
    np.testing.assert_allclose(directions.T @ directions, np.eye(8), atol=1e-4)
