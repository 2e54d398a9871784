"""Another world is noticed, one player alone is none, and false alarms are rare."""

import numpy as np
import pytest

from preseason.openset.drift import (
    LEVEL,
    MIN_EXAMPLES,
    ReferenceDistribution,
    drift_of,
    energy_test,
    expected_right,
    sketch_of,
    world_of,
)
from preseason.results import Drift

LABELS = ("a", "b", "c")
MEANS = 0.5 * np.eye(3)


def drawn(rng: np.random.Generator, targets: np.ndarray, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, 40] of three classes, and answers [n, 3] by the nearest mean, right nine times in ten."""
    rows = np.concatenate([MEANS[targets] + rng.normal(size=(len(targets), 3)) for _ in range(14)], axis=1)
    rows = rows[:, :40] + shift
    said = np.full((len(targets), 3), 0.05, np.float32)
    answered = (rows - shift).reshape(len(rows), -1)[:, :39].reshape(len(rows), 13, 3).mean(1).argmax(1)
    said[np.arange(len(targets)), answered] = 0.9
    return rows.astype(np.float32), said


def trained(
    rng: np.random.Generator, n: int = 150, groups: np.ndarray | None = None
) -> tuple[ReferenceDistribution, object]:
    targets = np.arange(n) % 3
    rows, said = drawn(rng, targets)
    sketch = sketch_of(lambda: [rows])
    numbers = np.arange(n) if groups is None else groups
    return world_of(LABELS, sketch(rows), said, targets, np.arange(n) % 4, numbers), sketch


def asked(
    reference_distribution: ReferenceDistribution,
    sketch,
    rng: np.random.Generator,
    targets: np.ndarray,
    shift: float = 0,
) -> Drift:  # type: ignore[no-untyped-def]
    rows, said = drawn(rng, targets, shift)
    return drift_of(reference_distribution, reference_distribution.residuals(sketch(rows), said, LABELS))


def test_false_alarms_are_one_in_twenty_and_shifts_are_noticed() -> None:
    rng = np.random.default_rng(0)
    alarms = shifted = 0
    for _ in range(60):
        reference_distribution, sketch = trained(rng)
        targets = rng.integers(0, 3, 40)
        alarms += asked(reference_distribution, sketch, rng, targets).verdict == "other"
        shifted += asked(reference_distribution, sketch, rng, targets, shift=0.8).verdict == "other"
    assert alarms <= 7, "60 x 0.04 is 2.4; more than 7 is one chance in 200"
    assert shifted >= 57


def test_examples_that_one_member_judged_make_a_world_too() -> None:
    rng = np.random.default_rng(2)
    targets = np.arange(60) % 3
    rows, said = drawn(rng, targets)
    one = np.zeros(60, np.int64)
    for groups in (np.arange(60), one):
        reference_distribution = world_of(LABELS, rows, said, targets, one, groups)
        assert np.isfinite(reference_distribution.rows).all()
        assert reference_distribution.rows.std() > 0.5


def test_one_class_alone_is_no_other_world() -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(30):
        reference_distribution, sketch = trained(rng)
        alarms += asked(reference_distribution, sketch, rng, np.zeros(30, int)).verdict == "other"
    assert alarms <= 5


def test_few_examples_cannot_tell() -> None:
    rng = np.random.default_rng(2)
    reference_distribution, sketch = trained(rng)
    few = asked(reference_distribution, sketch, rng, np.zeros(MIN_EXAMPLES - 1, int), shift=9)
    assert few.verdict == "cannot tell"
    assert "too few" in few.words
    small, sketch = trained(rng, 20)
    assert asked(small, sketch, rng, np.zeros(30, int), shift=9).verdict == "cannot tell"


def test_a_match_is_compared_with_other_matches() -> None:
    """Each match has a light of its own: a new match of a usual light is no other world."""
    rng = np.random.default_rng(3)

    def match(count: int, light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows, said = drawn(rng, rng.integers(0, 3, count))
        return rows + light, said

    def light(strength: float) -> np.ndarray:
        return strength * rng.normal(size=40)

    alarms = noticed = 0
    for _ in range(20):
        parts = [match(20, light(0.5)) for _ in range(10)]
        rows, said = (np.concatenate(each).astype(np.float32) for each in zip(*parts, strict=True))
        sketch = sketch_of(lambda rows=rows: [rows])
        groups = np.repeat(np.arange(10), 20)
        reference_distribution = world_of(LABELS, sketch(rows), said, said.argmax(1), groups % 4, groups)
        for strength in (0.5, 3.0):
            new, answers = match(60, light(strength))
            found = drift_of(
                reference_distribution,
                reference_distribution.residuals(sketch(new.astype(np.float32)), answers, LABELS),
            )
            alarms += strength == 0.5 and found.verdict == "other"
            noticed += strength == 3.0 and found.verdict == "other"
    assert alarms <= 3
    assert noticed >= 18


def test_p_values_are_even_where_nothing_differs() -> None:
    rng = np.random.default_rng(4)
    values = [
        energy_test(*(rng.normal(size=(n, 4)).astype(np.float32) for n in (50, 20)), draws=199)[1]
        for _ in range(200)
    ]
    assert np.mean(np.array(values) < LEVEL) == pytest.approx(LEVEL, abs=0.04)
    assert np.mean(values) == pytest.approx(0.5, abs=0.07)


def test_far_examples_are_expected_to_be_wrong_where_far_ones_were() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(300, 8)).astype(np.float32) * rng.uniform(0.5, 3, (300, 1)).astype(np.float32)
    right = rng.random(300) < 1 / (1 + np.exp(0.8 * (np.linalg.norm(rows, axis=1) - 5)))
    sure, zeros = np.full(300, 0.8, np.float32), np.zeros(300, int)
    reference_distribution = ReferenceDistribution(
        LABELS, np.zeros((3, 8), np.float32), rows, sure, right, zeros, zeros, np.arange(300)
    )
    near, far = expected_right(reference_distribution, np.stack([rows[0] / 5, rows[0] * 9]), sure[:2])
    assert near > far + 0.3
    assert float(expected_right(reference_distribution, rows, sure).mean()) == pytest.approx(
        right.mean(), abs=0.03
    )


def test_a_removed_class_leaves_the_world() -> None:
    reference_distribution, _ = trained(np.random.default_rng(6))
    smaller = reference_distribution.without("b")
    assert smaller.labels == ("a", "c")
    assert 75 < len(smaller.rows) <= 100
    assert set(smaller.targets.tolist()) == {0, 1}
