"""Things in videos: the pass and its resumption, tracks through short occlusions, formats, drawn videos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import movies
import tiny_pitches
from preseason.cli.video_boxes import lines_of, videos_among
from preseason.data.boxes import FoundBox
from preseason.errors import UsageError
from preseason.media import video
from preseason.report.drawn_video import write_drawn_video
from preseason.results import PictureBoxes
from preseason.spotting.tracking import Tracker
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox, is_video

WIDE, HIGH, FPS = 640, 360, 5.0


def runner(frame: int, speed: float, start: float, y: float = 100.0) -> tuple[float, float, float, float]:
    """Edges in pixels of a player 40 x 90 that runs along a line."""
    x = start + speed * frame
    return x, y, x + 40, y + 90


def box(edges: Sequence[float], score: float = 0.9, label: str = "player") -> FoundBox:
    x0, y0, x1, y1 = edges
    return FoundBox(label, score, x0 / WIDE, y0 / HIGH, x1 / WIDE, y1 / HIGH)


def tracks_of(frames: Sequence[Sequence[FoundBox]]) -> list[tuple[TrackedBox, ...]]:
    tracker = Tracker({"player": 0.5, "ball": 0.5}, FPS)
    return [tracker.update(boxes, WIDE, HIGH) for boxes in frames]


def identities(found: Sequence[tuple[TrackedBox, ...]], y0: float) -> set[int]:
    return {b.track for boxes in found for b in boxes if abs(b.y0 * HIGH - y0) < 6 and b.track is not None}


def test_two_that_cross_and_hide_keep_their_numbers() -> None:
    pytest.importorskip("trackers")
    frames = []
    for i in range(25):
        first, second = runner(i, 14, 40, 100), runner(i, -14, 500, 125)
        hidden = abs(first[0] - second[0]) < 50
        # Where they cover one another, only the one in front is found.
        frames.append([box(first)] if hidden else [box(first), box(second)])
    assert sum(len(boxes) == 1 for boxes in frames) >= 3
    found = tracks_of(frames)
    assert len(identities(found, 100)) == 1
    assert len(identities(found, 125)) == 1
    assert identities(found, 100) != identities(found, 125)


def test_all_that_hide_for_a_second_come_back_with_their_numbers_and_later_ones_are_new() -> None:
    pytest.importorskip("trackers")
    for gone, same in ((5, True), (15, False)):
        frames = [[] if 8 <= i < 8 + gone else [box(runner(i, 6, 40))] for i in range(30)]
        assert (len(identities(tracks_of(frames), 100)) == 1) is same


def test_a_weak_box_carries_a_track_on_but_begins_none() -> None:
    pytest.importorskip("trackers")
    frames = [[box(runner(i, 5, 40), 0.2 if i in (5, 6) else 0.9)] for i in range(10)]
    assert [len(boxes) for boxes in tracks_of(frames)] == [1] * 10
    weak = [[box(runner(i, 5, 40), 0.2)] for i in range(10)]
    assert not any(tracks_of(weak))


def test_classes_are_followed_apart_and_numbers_are_unique() -> None:
    pytest.importorskip("trackers")
    frames = [[box(runner(i, 5, 40)), box(runner(i, 5, 42), label="ball")] for i in range(6)]
    last = tracks_of(frames)[-1]
    assert {b.label for b in last} == {"player", "ball"}
    assert {b.track for b in last} == {1, 2}


def test_without_the_library_the_line_that_installs_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preseason.errors.packages.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'preseason\[track\]'"):
        Tracker({"player": 0.5}, FPS)


def test_lines_of_csv_and_mot() -> None:
    boxes = (
        TrackedBox("player", 0.91, 0.25, 0.5, 0.5, 1.0, 7),
        TrackedBox("=ball", 0.5, 0.0, 0.0, 0.1, 0.1, None),
    )
    frame = FrameBoxes("match.mp4", 640, 360, boxes, 3, 0.4)
    assert lines_of(frame, "mot") == ["3,7,161.0,181.0,160.0,180.0,0.91,-1,-1,-1"]
    first, second = lines_of(frame, "csv")
    assert first == "match.mp4,3,0.4,7,player,0.91,160.0,180.0,320.0,360.0"
    assert second == "match.mp4,3,0.4,,'=ball,0.5,0.0,0.0,64.0,36.0"
    assert lines_of(frame, "table") == []
    assert frame.rows()[0]["track"] == 7


@pytest.fixture
def drawn_match(tmp_path: Path) -> Path:
    shown: list[NDArray[np.uint8]] = [np.asarray(tiny_pitches.pitch(i // 25)[0]) for i in range(75)]
    return movies.write(tmp_path / "match.mp4", shown)


def test_videos_are_told_from_pictures(drawn_match: Path, tmp_path: Path) -> None:
    tiny_pitches.write(tmp_path / "pitches", 1)
    picture = tmp_path / "pitches" / "pitch-000.png"
    assert is_video(drawn_match)
    assert not is_video(picture)
    assert videos_among([str(picture)]) == []
    assert videos_among([str(drawn_match)]) == [drawn_match]
    with pytest.raises(UsageError, match="name them in two runs"):
        videos_among([str(drawn_match), str(picture)])


def test_a_drawn_video_shows_the_boxes_at_the_rate_looked_at(drawn_match: Path, tmp_path: Path) -> None:
    boxes = (TrackedBox("player", 0.9, 0.25, 0.5, 0.75, 0.9, 1),)
    frames = [PictureBoxes(str(drawn_match), 160, 120, boxes if i < 8 else ()) for i in range(15)]
    target = tmp_path / "drawn" / "match.mp4"
    write_drawn_video(drawn_match, frames, ("player",), FPS, target)
    facts = video.facts(target)
    assert (facts.width, facts.height, round(facts.fps, 2)) == (160, 120, 5.0)
    shown, plain = video.at(target, [0.5]), video.at(target, [2.5])
    edge = shown[0, 80, 40].astype(int)
    assert edge[2] > edge[0] + 40  # the colour of track 1 is blue
    grass = plain[0, 80, 40].astype(int)
    assert grass[2] < edge[2] - 40
    assert [path.name for path in target.parent.iterdir()] == ["match.mp4"]


def test_a_drawn_video_that_fails_leaves_nothing(drawn_match: Path, tmp_path: Path) -> None:
    few = [PictureBoxes(str(drawn_match), 160, 120, ())] * 3
    with pytest.raises(ValueError, match="shorter"):
        write_drawn_video(drawn_match, few, ("player",), FPS, tmp_path / "drawn" / "match.mp4")
    assert list((tmp_path / "drawn").iterdir()) == []
