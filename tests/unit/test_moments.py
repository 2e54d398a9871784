import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1]))

import tiny_matches
from preseason.data.action_files import write
from preseason.data.actions import LabelledVideo
from preseason.data.labelled_videos import holds_actions, read
from preseason.errors import UsageError
from preseason.spotting.similar import Moment, as_actions, nearest

RATE = 2.0


def match(kind_at: dict[int, list[int]], steps: int = 200, seed: int = 0) -> np.ndarray:
    """Features of a match: noise on a large constant, with a pattern at the steps of each kind."""
    random = np.random.default_rng(seed)
    table = random.normal(0, 0.3, (steps, 16)).astype(np.float32) + 100 * random.random(16).astype(np.float32)
    for kind, places in kind_at.items():
        table[places, 4 * kind : 4 * kind + 4] += 3
    return table


def test_moments_of_the_same_kind_come_first() -> None:
    table = match({0: [20, 60, 100, 140], 1: [40, 80, 120]})
    found = nearest(table, [10.0, 30.0], RATE, n=2)
    assert sorted(moment.time_s for moment in found) == [50.0, 70.0]
    assert found[0].likeness >= found[1].likeness > 0.5
    other = nearest(table, [20.0], RATE, n=2)
    assert sorted(moment.time_s for moment in other) == [40.0, 60.0]
    assert {moment.nearest_s for moment in other} == {20.0}


def test_what_is_the_same_throughout_counts_for_nothing() -> None:
    table = match({0: [20, 60]})
    plain = nearest(table, [10.0], RATE, n=1)
    level = np.full((200, 40), 0.1)  # its mean is not exactly itself
    scaled = nearest(np.hstack([table * 50 + 7, level]), [10.0], RATE, n=1)
    assert plain[0].time_s == scaled[0].time_s == 30.0
    assert scaled[0].likeness == pytest.approx(plain[0].likeness, abs=1e-3)


def test_what_varies_most_counts_no_more_than_the_rest() -> None:
    """A camera that swings moves most features together; the pattern looked for moves a few."""
    # The example at step 11 is where the swing is furthest to one side, the others where it is to the other.
    table = match({0: [11, 33, 77, 121]}, steps=300)
    swing = np.sin(np.arange(300) / 7)[:, None] * np.random.default_rng(1).normal(0, 9, (1, 300))
    blurred = np.hstack([table, swing + np.random.default_rng(2).normal(0, 0.3, swing.shape)])
    found = nearest(blurred.astype(np.float32), [5.5], RATE, n=3)
    assert sorted(moment.time_s for moment in found) == [16.5, 38.5, 60.5]


def test_neighbours_of_a_moment_and_of_the_examples_are_left_out() -> None:
    table = match({0: [20, 21, 22, 60, 61, 62]})
    near = nearest(table, [10.0], RATE, n=2, apart_s=5.0)
    assert [moment.time_s >= 30.0 and moment.time_s <= 31.0 for moment in near] == [True, False]
    # Half a second apart: each step is a moment of its own, but no example is given again.
    close = nearest(table, [10.0], RATE, n=5, apart_s=0.5)
    assert sorted(moment.time_s for moment in close) == [10.5, 11.0, 30.0, 30.5, 31.0]


def test_fewer_where_there_is_no_room() -> None:
    assert len(nearest(match({}, steps=20), [5.0], RATE, n=30, apart_s=2.0)) <= 5
    assert nearest(match({}, steps=1), [0.0], RATE) == ()
    assert [m.likeness for m in nearest(np.ones((9, 4), np.float16), [0.0], RATE, n=1)] == [0.0]


def test_the_features_may_be_a_memory_map(tmp_path: Path) -> None:
    table = match({0: [20, 60, 2900]}, steps=3000)
    mapped = np.memmap(tmp_path / "rows", np.float16, "w+", shape=table.shape)
    mapped[:] = (table - 100).astype(np.float16)
    found = nearest(mapped, [10.0], RATE, n=2)
    assert sorted(moment.time_s for moment in found) == [30.0, 1450.0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 20), st.sampled_from([0.0, 0.5, 3.0]))
@settings(deadline=None, max_examples=40)
def test_moments_keep_apart_in_falling_likeness(seed: int, steps: int, n: int, apart_s: float) -> None:
    random = np.random.default_rng(seed)
    table = random.normal(size=(steps, 5)).astype(np.float32)
    examples = (random.integers(0, steps, 3) / RATE).tolist()
    found = nearest(table, examples, RATE, n, apart_s)
    likeness = [moment.likeness for moment in found]
    assert len(found) <= n
    assert likeness == sorted(likeness, reverse=True)
    assert all(-1 - 1e-6 <= value <= 1 + 1e-6 for value in likeness)
    times = sorted([moment.time_s for moment in found])
    assert all(b - a >= max(apart_s, 1 / RATE) - 1e-9 for a, b in pairwise(times))
    assert all(abs(time_s - each) >= max(apart_s, 1e-9) for time_s in times for each in examples)
    if apart_s == 0:
        assert len(found) == min(n, steps - len(set(examples)))


def test_accepted_moments_become_labels_that_a_fit_reads(tmp_path: Path) -> None:
    video = tiny_matches.write(tmp_path / "match.mp4", [], 1.0)
    moments = (Moment(1450.0, 0.9, 10.0), Moment(30.0, 0.8, 10.0))
    accepted = as_actions(moments, "corner", examples=[10.0, 30.0])
    write(tmp_path / "corners.csv", [LabelledVideo(video, accepted)])
    assert holds_actions(tmp_path / "corners.csv")
    (found,) = read(tmp_path / "corners.csv", lambda path: None).videos
    assert [(action.time_s, action.label) for action in found.actions] == [
        (10.0, "corner"),
        (30.0, "corner"),
        (1450.0, "corner"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"examples": []}, "no example to search by"),
        ({"examples": [-1.0]}, "outside the video"),
        (
            {"examples": [751.0]},
            r"The example at 12:31\.0 lies outside the video: it runs from 0:00\.0 to 0:09\.5",
        ),
        ({"features": np.zeros(4)}, r"Features of \[4\] received"),
        ({"features": np.full((20, 2), np.nan)}, "not finite"),
        ({"n": 0}, "n=0"),
        ({"rate": 0.0}, "rate=0"),
        ({"apart_s": -1.0}, "apart_s=-1"),
    ],
)
def test_what_cannot_be_searched(arguments: dict[str, Any], message: str) -> None:
    given = {"features": match({}, steps=20), "examples": [1.0], "rate": RATE} | arguments
    with pytest.raises(UsageError, match=message):
        nearest(**given)
