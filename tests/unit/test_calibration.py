import numpy as np
import pytest

from preseason.evaluation.calibration import fit_temperature
from preseason.evaluation.metrics import measure
from preseason.inference.probabilities import softmax


def drawn(n: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, classes)) * 2
    chances = softmax(logits.astype(np.float32))
    targets = np.array([rng.choice(classes, p=row / row.sum()) for row in chances.astype(np.float64)])
    return logits.astype(np.float32), targets


@pytest.mark.parametrize("true", [0.25, 1.0, 8.0])
def test_the_temperature_that_spoilt_the_logits_is_found(true: float) -> None:
    logits, targets = drawn(4000, 5)
    assert fit_temperature(logits * true, targets) == pytest.approx(true, rel=0.08)


def test_calibration_brings_claims_to_what_comes_true() -> None:
    logits, targets = drawn(3000, 4)
    spoilt, half = logits * 6, 1500
    temperature = fit_temperature(spoilt[:half], targets[:half])
    before = measure(softmax(spoilt[half:]), targets[half:])["ece"].value
    after = measure(softmax(spoilt[half:], temperature), targets[half:])["ece"].value
    assert before > 0.2
    assert after < 0.04


@pytest.mark.parametrize(("scale", "n"), [(0.5, 50), (30.0, 50), (30.0, 3)])
def test_answers_all_right_never_become_certain(scale: float, n: int) -> None:
    targets = np.arange(n) % 5
    logits = np.eye(5, dtype=np.float32)[targets] * scale
    surest = softmax(logits, fit_temperature(logits, targets)).max()
    assert surest == pytest.approx(n / (n + 1), abs=0.01) or surest < n / (n + 1)


@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        (np.zeros((0, 3)), np.zeros(0, np.int64)),
        (np.ones((4, 3)), np.array([0, 1, 2, 0])),
        (np.array([[2.0], [3.0]]), np.array([0, 0])),
        (np.array([[2.0, 1.0]]), np.array([-1])),
    ],
)
def test_with_nothing_to_learn_from_the_logits_stay(logits: np.ndarray, targets: np.ndarray) -> None:
    assert fit_temperature(logits.astype(np.float32), targets) == 1.0


def test_softmax_stays_finite_for_large_logits() -> None:
    table = softmax(np.array([[1e4, -1e4], [0, 0]], np.float32))
    assert table.dtype == np.float32
    assert table.tolist() == [[1.0, 0.0], [0.5, 0.5]]
