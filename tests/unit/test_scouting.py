"""Measures of scouting: better features score higher, and the words follow the figures."""

import numpy as np
import pytest

from preseason.evaluation.learning_curve import Curve, Forecast, Gain
from preseason.transferability import words
from preseason.transferability.measures import h_score, logme, neighbour_accuracy
from preseason.transferability.scout import Report, Scouted


def features(apart: float, width: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(4), 25)
    means = np.eye(4, width) * apart
    return (means[targets] + rng.normal(size=(100, width))).astype(np.float32), targets


@pytest.mark.parametrize("measure", [logme, h_score])
def test_classes_that_lie_apart_score_higher(measure) -> None:  # type: ignore[no-untyped-def]
    scores = [measure(*features(apart)) for apart in (0.0, 1.0, 2.0, 4.0)]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.1


def test_evidence_is_that_of_the_closed_form() -> None:
    """With alpha and beta at the fixed point, the log evidence is the density of y under its normal law."""
    from preseason.transferability import measures

    rows, targets = features(1.0, width=6)
    x = measures._principal(rows).astype(np.float64)
    y = (targets == 0).astype(np.float64)
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    found = measures._evidence(left, values**2, targets == 0) * len(y)

    def density(alpha: float, beta: float) -> float:
        covariance = np.eye(len(y)) / beta + x @ x.T / alpha
        return float(
            -0.5 * (y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(covariance)[1])
            - 0.5 * len(y) * np.log(2 * np.pi)
        )

    best = max(density(a, b) for a in np.geomspace(1, 1e5, 60) for b in np.geomspace(0.5, 100, 60))
    assert found == pytest.approx(best, abs=0.3)


def test_neighbours_are_asked_across_folds() -> None:
    rows, targets = features(6.0)
    halves = [(np.arange(0, 100, 2), np.arange(1, 100, 2)), (np.arange(1, 100, 2), np.arange(0, 100, 2))]
    assert neighbour_accuracy(rows, targets, halves) > 0.95
    assert neighbour_accuracy(rows, np.random.default_rng(0).permutation(targets), halves) < 0.45


NOTHING = Curve(reason="too few")


def report(*networks: Scouted, scratch: float | None = 0.4, curve: Curve = NOTHING) -> Report:
    return Report("photos", "photos", 100, 100, {}, networks, scratch, curve, ())


def network(name: str, linear: float, seconds: float = 1.0, shift: float | None = None) -> Scouted:
    return Scouted(name, linear, linear - 0.05, linear + 0.05, linear, 0.0, 1.0, shift, seconds)


def test_a_clear_lead_and_a_tie_are_told_apart() -> None:
    assert "clearly ahead of b" in words.recommendation(report(network("a", 0.9), network("b", 0.7)))
    tie = report(network("a", 0.9, seconds=9), network("b", 0.88, seconds=1))
    assert words.recommendation(tie) == "a and b are equally good here; b is faster."


@pytest.mark.parametrize(("scratch", "verdict"), [(0.4, "helps"), (0.88, "is unclear"), (0.99, "hurts")])
def test_transfer_is_compared_with_random_weights(scratch: float, verdict: str) -> None:
    assert verdict in words.transfer(report(network("a", 0.9), scratch=scratch))


def test_the_outlook_names_what_pays_and_what_does_not() -> None:
    forecasts = (Forecast(1, 0.8, 0.75, 0.85), Forecast(2, 0.85, 0.8, 0.9), Forecast(4, 0.9, 0.82, 0.95))
    curve = Curve((10.0,), (0.8,), forecasts, (Gain("Salah", 0.02, 0.005), Gain("Messi", 0.001, 0.01)))
    first, second = words.outlook(curve)
    assert "80 % now; 85 % (80 to 90) with twice the labels, 90 % (82 to 95) with four times" in first
    assert second == "20 more of Salah: about +2.0 points; more of Messi: no measurable gain."


def test_what_keeps_no_statistics_says_nothing_of_distance() -> None:
    assert "is unknown" in words.shift(network("vit", 0.9))
    assert "far from" in words.shift(network("cnn", 0.9, shift=0.8))
