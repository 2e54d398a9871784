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
from preseason.report.video_crops import write_video_crops
from preseason.results import PictureBoxes, Prediction
from preseason.spotting.cut_out import cut_out
from preseason.spotting.tracking import Tracker
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox, is_video
from preseason.spotting.who import _chosen, vote

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
    assert videos_among([str(picture)]) == ([], ())
    assert videos_among([str(drawn_match)]) == ([drawn_match], ())
    with pytest.raises(UsageError, match="name them in two runs"):
        videos_among([str(drawn_match), str(picture)])
    with pytest.raises(UsageError, match="name them in two runs"):
        videos_among([str(tmp_path)])


def test_folders_and_patterns_of_videos_are_expanded_and_what_is_none_is_named(
    drawn_match: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("first.mp4", "second.mp4"):
        (videos / name).write_bytes(drawn_match.read_bytes())
    (videos / "notes.txt").write_text("half-time at 45:00")
    for given in (str(videos), str(videos / "*")):
        found, left = videos_among([given])
        assert [path.name for path in found] == ["first.mp4", "second.mp4"]
        assert [Path(each.path).name for each in left] == ["notes.txt"]
    found, left = videos_among([str(drawn_match), str(tmp_path / "gone.mp4")])
    assert found == [drawn_match]
    assert [each.reason for each in left] == ["there is no such file"]


def answer(label: str, share: float, unknown: bool = False) -> Prediction:
    other = "Messi" if label == "Salah" else "Salah"
    return Prediction("crop.jpg", label, share, unknown, {"Messi": 0.0, label: share, other: 1 - share})


def test_a_track_is_who_most_of_its_boxes_are_taken_for_by_mean_probability() -> None:
    found = vote([answer("Messi", 0.6), answer("Messi", 0.55), answer("Salah", 0.95)])
    assert (found.label, found.unknown, found.looks) == ("Salah", False, 3)
    assert found.probability == pytest.approx((0.4 + 0.45 + 0.95) / 3)
    strange = vote(
        [answer("Messi", 0.9, unknown=True), answer("Messi", 0.9, unknown=True), answer("Messi", 0.9)]
    )
    assert (strange.label, strange.unknown) == ("Messi", True)
    assert not vote([answer("Messi", 0.9, unknown=True), answer("Messi", 0.9)]).unknown


def test_of_a_long_track_a_few_boxes_are_looked_at_the_largest_of_each_part() -> None:
    frames = []
    for i in range(60):
        side = 0.3 if i % 5 == 3 else 0.2
        followed = TrackedBox("player", 0.9, 0.1, 0.1, 0.1 + side, 0.4, 7)
        lone = (TrackedBox("ball", 0.9, 0.5, 0.5, 0.6, 0.6, None),) if i == 30 else ()
        frames.append(FrameBoxes("match.mp4", 640, 360, (followed, *lone), i + 1, i / 5))
    chosen = _chosen(frames)
    assert [place for place, key in chosen.items() if key == (7,)] == [(5 * i + 3, 0) for i in range(12)]
    assert [key for key in chosen.values() if key != (7,)] == [(30, 1)]


def test_boxes_are_cut_out_of_their_own_frames(drawn_match: Path, tmp_path: Path) -> None:
    things = [tiny_pitches.pitch(i)[1] for i in range(3)]
    frames = []
    for i in range(15):
        boxes = tuple(
            FoundBox("ball" if label == 0 else "player", 0.9, x0 / 160, y0 / 120, x1 / 160, y1 / 120)
            for label, x0, y0, x1, y1 in things[i // 5]
        )
        frames.append(FrameBoxes(str(drawn_match), 160, 120, boxes, i + 1, i / 5))
    cut = dict(cut_out(drawn_match, frames, FPS))
    assert len(cut) == 15 * 4
    for (number, at), pixels in cut.items():
        red, green, blue = pixels.reshape(-1, 3).mean(0)
        if frames[number].boxes[at].label == "player":
            assert red > 2 * max(green, blue)
        else:
            assert min(red, green, blue) > 120
    assert list(dict(cut_out(drawn_match, frames, FPS, {(4, 1), (9, 0)}))) == [(4, 1), (9, 0)]
    assert dict(cut_out(drawn_match, frames, FPS, set())) == {}
    written = write_video_crops(drawn_match, frames, FPS, tmp_path / "crops")
    assert len(written) == len(set(written)) == 60
    assert len(list((tmp_path / "crops" / "ball").iterdir())) == 15


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
