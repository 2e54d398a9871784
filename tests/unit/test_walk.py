"""Walks over long videos: every step is judged once, by its neighbours, however often it is stopped."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from movies import level, picture, write
from preseason.errors import MediaError
from preseason.runtime.progress import Silent
from preseason.spotting import scan
from preseason.spotting.scan import RESULT, Rows, VideoScan

SECONDS = 20


@pytest.fixture(scope="module")
def match(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds; the grey level tells the second."""
    many = [picture(number // 25) for number in range(25 * SECONDS)]
    return write(tmp_path_factory.mktemp("match") / "match.mp4", many)


class Reading:
    """Rows are the second a frame shows; results the first, own and last second of a step's window."""

    def __init__(self, before: int, after: int, stop_after: int = 10**9) -> None:
        self.before, self.after, self.stop_after = before, after, stop_after
        self.frames = self.judged = 0

    def rows(self, frames: Sequence[NDArray[np.uint8]]) -> Rows:
        self.frames += len(frames)
        return {"second": np.array([[level(frame)] for frame in frames], np.float32)}

    def judge(self, rows: Rows) -> NDArray[np.float32]:
        seconds = rows["second"][:, 0]
        steps = len(seconds) - self.before - self.after
        if self.judged >= self.stop_after:
            raise KeyboardInterrupt
        self.judged += 1
        own = np.arange(self.before, self.before + steps)
        return np.stack([seconds[own - self.before], seconds[own], seconds[own + self.after]], axis=1)


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "STRETCH", 16)


def run(match: Path, folder: Path, reading: Reading) -> NDArray[np.float32]:
    found = VideoScan(match, 4.0, reading.before, reading.after, 64, folder)
    return np.array(found.run(reading.rows, reading.judge, Silent(), "watching"))


def expected(before: int, after: int) -> NDArray[np.float32]:
    seconds = np.arange(4 * SECONDS) // 4
    last = len(seconds) - 1
    places = [np.clip(np.arange(last + 1) + shift, 0, last) for shift in (-before, 0, after)]
    return np.stack([seconds[place] for place in places], axis=1).astype(np.float32)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 4), (8, 0), (0, 20)])
def test_every_step_is_judged_with_its_neighbours(
    match: Path, tmp_path: Path, before: int, after: int
) -> None:
    found = run(match, tmp_path / "walk", Reading(before, after))
    np.testing.assert_array_equal(found, expected(before, after))


def test_a_second_walk_reads_nothing(match: Path, tmp_path: Path) -> None:
    first = run(match, tmp_path / "walk", Reading(2, 2))
    again = Reading(2, 2)
    np.testing.assert_array_equal(run(match, tmp_path / "walk", again), first)
    assert again.frames == 0
    assert [path.name for path in (tmp_path / "walk").iterdir() if path.suffix == ".npy"] == [RESULT]


@pytest.mark.parametrize("stretches", [1, 3, 4])
def test_a_walk_that_was_stopped_goes_on_where_it_was(match: Path, tmp_path: Path, stretches: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(match, tmp_path / "walk", Reading(3, 4, stop_after=stretches))
    rest = Reading(3, 4)
    np.testing.assert_array_equal(run(match, tmp_path / "walk", rest), expected(3, 4))
    assert rest.frames <= 4 * SECONDS - 16 * stretches + 3 + 1


def test_a_stretch_that_was_written_by_half_is_done_again(match: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(match, tmp_path / "walk", Reading(3, 4, stop_after=2))
    (tmp_path / "walk" / "x.part").write_bytes(b"half")
    np.testing.assert_array_equal(run(match, tmp_path / "walk", Reading(3, 4)), expected(3, 4))


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "match.mp4").write_text("none")
    with pytest.raises(MediaError, match="cannot be decoded"):
        run(tmp_path / "match.mp4", tmp_path / "walk", Reading(0, 0))
