import time
from typing import Any

import numpy as np
import pytest

from preseason.data.actions import BACKGROUND, Action
from preseason.errors import UsageError
from preseason.spotting.nms import suppress


def column(*scores: float) -> np.ndarray:
    return np.array(scores, np.float32)[:, None]


def pairs(found: tuple[Action, ...]) -> list[tuple[float, float]]:
    return [(round(action.time_s, 3), round(action.confidence, 3)) for action in found]


def test_the_highest_silences_those_beside_it() -> None:
    scores = column(0, 0.2, 0.6, 0.9, 0.6, 0.2, 0, 0.5, 0)
    # At one step a second a window of 4 s reaches two steps either way: 1 to 5 are silenced by 3.
    assert pairs(suppress(scores, 1.0, ["goal"], window_s=4.0)) == [(3.0, 0.9), (7.0, 0.5)]
    # One step either way leaves the shoulders at 1 and 5.
    assert pairs(suppress(scores, 1.0, ["goal"], window_s=2.0)) == [
        (1.0, 0.2),
        (3.0, 0.9),
        (5.0, 0.2),
        (7.0, 0.5),
    ]


def test_classes_do_not_silence_each_other_and_background_is_no_action() -> None:
    scores = np.array([[0.1, 0.5, 0.4], [0.9, 0.05, 0.05], [0.2, 0.3, 0.5]], np.float32)
    found = suppress(scores, 1.0, [BACKGROUND, "goal", "foul"], window_s=10.0)
    assert [(action.label, action.time_s) for action in found] == [("goal", 0.0), ("foul", 2.0)]


def test_a_peak_lies_on_the_parabola_through_its_neighbours() -> None:
    # A parabola with its top at step 5.3, at 4 steps a second, the first of them at 100 s.
    steps = np.arange(11)
    scores = (0.9 - 0.01 * (steps - 5.3) ** 2)[:, None]
    (peak,) = suppress(scores, 4.0, ["goal"], window_s=60.0, start_s=100.0)
    assert peak.time_s == pytest.approx(100 + 5.3 / 4)


def test_a_level_top_is_halved_and_the_ends_are_not_passed() -> None:
    assert pairs(suppress(column(0, 0.5, 0.5, 0), 1.0, ["a"], window_s=4.0)) == [(1.5, 0.5)]
    assert pairs(suppress(column(0.9, 0.5), 1.0, ["a"], window_s=4.0)) == [(0.0, 0.9)]
    assert pairs(suppress(column(0.5, 0.9), 1.0, ["a"], window_s=4.0)) == [(1.0, 0.9)]


def test_the_threshold_and_nothing_at_all() -> None:
    assert suppress(column(0.2, 0.3), 1.0, ["a"], threshold=0.4) == ()
    assert suppress(np.zeros((0, 2), np.float32), 1.0, ["a", "b"]) == ()
    assert len(suppress(column(0.25, 0, 0, 0, 0.5), 1.0, ["a"], threshold=0.25)) == 2


def test_probabilities_may_pass_their_bounds_by_rounding() -> None:
    assert pairs(suppress(column(1.000001, -1e-7), 1.0, ["a"])) == [(0.0, 1.0)]


def test_a_long_match_takes_seconds_at_most() -> None:
    # Two hours at 25 steps a second, 17 classes: noise, the worst case.
    scores = np.random.default_rng(0).random((180_000, 17)).astype(np.float32) ** 4
    begin = time.perf_counter()
    found = suppress(scores, 25.0, [str(number) for number in range(17)], window_s=10.0, threshold=0.5)
    assert time.perf_counter() - begin < 60
    assert 17 * 720 < len(found) < 17 * 1440


@pytest.mark.parametrize(
    ("scores", "settings", "message"),
    [
        (np.zeros(4), {}, r"Scores of \[4\] received, expected \[steps, 1 labels\]"),
        (np.zeros((4, 2)), {}, r"Scores of \[4, 2\] received"),
        (column(0.5, float("nan")), {}, "must be probabilities from 0 to 1"),
        (column(0.5, 3.0), {}, "must be probabilities from 0 to 1"),
        (column(0.5), {"rate": 0.0}, "No peaks with this rate:"),
        (column(0.5), {"threshold": 0.0, "window_s": -1.0}, "No peaks with this window_s and threshold:"),
        (column(0.5), {"window_s": float("nan")}, "No peaks with this window_s:"),
    ],
)
def test_what_cannot_be_searched(scores: np.ndarray, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        suppress(scores, **({"rate": 1.0, "labels": ["a"]} | settings))
