import numpy as np
import pytest

from preseason.evaluation.metrics import confusion, measure, per_class, reliability, risk_coverage, wilson
from preseason.results import Figure


def answers(said: list[int], classes: int, sure: float = 0.9) -> np.ndarray:
    rest = (1 - sure) / max(classes - 1, 1)
    table = np.full((len(said), classes), rest, np.float32)
    table[np.arange(len(said)), said] = sure
    return table


def test_the_wilson_interval_of_47_in_50_is_the_published_one() -> None:
    assert wilson(47, 50) == pytest.approx((0.8378, 0.9794), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == 1.0


def test_figures_of_known_answers() -> None:
    targets = np.array([0, 0, 0, 1, 1, 2])
    metrics = measure(answers([0, 0, 1, 1, 1, 0], 3), targets)
    assert metrics["accuracy"].n == 6
    assert metrics["accuracy"].value == pytest.approx(4 / 6)
    assert metrics["balanced_accuracy"].value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics["macro_f1"].value == pytest.approx((2 / 3 + 0.8 + 0) / 3)
    assert metrics["ece"].value == pytest.approx(0.9 - 4 / 6, abs=1e-6)


def test_a_label_the_model_does_not_know_counts_as_wrong() -> None:
    targets = np.array([0, 1, -1, -1])
    metrics = measure(answers([0, 1, 0, 1], 2), targets)
    assert metrics["accuracy"].value == 0.5
    assert metrics["balanced_accuracy"].value == 1.0
    assert metrics["macro_f1"].value == pytest.approx(2 / 3)
    assert confusion(answers([0, 1, 0, 1], 2), targets).sum() == 2


def test_nothing_held_out_gives_finite_figures_without_a_claim() -> None:
    nothing = np.zeros((0, 3), np.float32)
    targets = np.zeros(0, np.int64)
    metrics = measure(nothing, targets)
    assert metrics["accuracy"] == Figure(0.0, 0.0, 1.0, 0)
    assert confusion(nothing, targets).tolist() == [[0] * 3] * 3
    assert [score.n for score in per_class(nothing, targets)] == [0, 0, 0]
    assert reliability(nothing, targets) == ()
    assert risk_coverage(nothing, targets).coverage.size == 0


def test_one_class_in_the_targets_is_measured_on_that_class() -> None:
    metrics = measure(answers([1, 1, 0], 4), np.array([1, 1, 1]))
    assert metrics["balanced_accuracy"].value == pytest.approx(2 / 3)
    assert metrics["macro_f1"].value == pytest.approx(0.4)


def test_only_unknown_labels_are_all_wrong() -> None:
    metrics = measure(answers([1, 1, 0], 2), np.array([-1, -1, -1]))
    assert metrics["accuracy"].value == metrics["balanced_accuracy"].value == metrics["macro_f1"].value == 0.0


def test_confusion_has_truth_in_rows() -> None:
    assert confusion(answers([1, 1, 0], 2), np.array([0, 1, 0])).tolist() == [[1, 1], [0, 1]]


def test_every_class_has_its_own_interval() -> None:
    first, second, third = per_class(answers([0] * 9 + [1], 3), np.array([0] * 10))
    assert (first.n, first.recall, first.precision) == (10, 0.9, 1.0)
    assert (first.low, first.high) == wilson(9, 10)
    assert (second.n, second.recall, second.low, second.high) == (0, 0.0, 0.0, 1.0)
    assert third.f1 == 0.0


def test_reliability_bins_hold_equally_many_answers_in_rising_confidence() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 400).astype(np.float32)
    table = np.stack([sure, 1 - sure], axis=1)
    bins = reliability(table, np.zeros(400, np.int64))
    assert [item.n for item in bins] == [40] * 10
    assert [item.confidence for item in bins] == sorted(item.confidence for item in bins)
    assert all(item.low <= item.accuracy <= item.high for item in bins)


def test_answers_of_one_confidence_share_a_bin() -> None:
    bins = reliability(answers([0] * 50, 2), np.array([0] * 25 + [1] * 25))
    assert [(item.n, item.accuracy) for item in bins] == [(50, 0.5)]


def test_risk_falls_when_only_sure_answers_are_given() -> None:
    table = np.concatenate([answers([0] * 8, 2, 0.95), answers([0] * 2, 2, 0.6)])
    curve = risk_coverage(table, np.array([0] * 8 + [1] * 2))
    assert curve.coverage.tolist() == pytest.approx([0.8, 1.0])
    assert curve.risk.tolist() == pytest.approx([0.0, 0.2])
    assert curve.threshold.tolist() == pytest.approx([0.95, 0.6])
    assert curve.area == pytest.approx(0.04)
