"""Writing and reading actions; what players read is opened by ffmpeg's own readers."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest

sys.path.append(str(Path(__file__).parents[1]))

import tiny_matches
from preseason.data import soccernet
from preseason.data.action_files import FORMATS, write
from preseason.data.actions import Action, LabelledVideo
from preseason.data.files import label_from
from preseason.data.labelled_videos import holds_actions, read
from preseason.errors import DataError, UsageError

ODD = r"Shot; = #1 \ <i>&\\"
FOUND = (
    Action(1.5, ODD, 0.25),
    Action(12.25, "Tor für Köln ⚽", 0.987654),
    Action(3723.5, "-->", 1.0),
)


def video(folder: Path, actions: tuple[Action, ...] = FOUND, half: int | None = None) -> LabelledVideo:
    return LabelledVideo(folder / f"match {half or ''}.mp4", actions, half, "cup")


def test_results_are_written_as_in_soccernets_samples(tmp_path: Path) -> None:
    halves = [
        video(tmp_path, (Action(31.5, "Goal", 0.0066),), half=1),
        video(tmp_path, (Action(4000.0, "Foul", 0.5, end_s=4002.0),), half=2),
    ]
    write(tmp_path / "r.json", halves, url="epl/cup/")
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == {
        "UrlLocal": "epl/cup/",
        "predictions": [
            {
                "gameTime": "1 - 0:31",
                "label": "Goal",
                "position": "31500",
                "half": "1",
                "confidence": "0.0066",
            },
            {
                "gameTime": "2 - 66:41",
                "label": "Foul",
                "position": "4001000",
                "half": "2",
                "confidence": "0.5",
            },
        ],
    }


def test_results_come_back(tmp_path: Path) -> None:
    write(tmp_path / "r.json", [video(tmp_path)])
    assert soccernet.read_results(tmp_path / "r.json") == tuple(replace(a, half=1) for a in FOUND)


def test_labels_are_read_like_results_and_numbers_like_texts(tmp_path: Path) -> None:
    path = tmp_path / "Labels-v2.json"
    entry = {"gameTime": "2 - 01:00", "label": "Goal", "position": 60400, "visibility": "not shown"}
    path.write_text(json.dumps({"annotations": [entry]}))
    assert soccernet.read_results(path) == (Action(60.4, "Goal", half=2, visible=False),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "has no list of predictions or annotations"),
        ('{"predictions": [{"label": "a", "half": "1", "position": "1", "confidence": "2"}]}', "Entry 1 of"),
        ('{"predictions": [{"label": "a", "half": "1", "position": "nan"}]}', "is no number"),
    ],
)
def test_results_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DataError, match=message):
        soccernet.read_results(tmp_path / "r.json")
    with pytest.raises(DataError, match="cannot be opened"):
        soccernet.read_results(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "deep/labels.csv"])
def test_tables_come_back_and_are_labels_to_fit_on(tmp_path: Path, name: str) -> None:
    actions = (*FOUND, Action(4000.0, "Foul", end_s=4002.0, visible=False))
    first, second = video(tmp_path, actions, 1), video(tmp_path, (Action(7.0, "Goal", half=2),), 2)
    for each in (first, second):
        tiny_matches.write(each.path, [], 1.0)
    write(tmp_path / name, [first, second])
    assert holds_actions(tmp_path / name)
    found = read(tmp_path / name, lambda path: None)
    assert [each.path for each in found.videos] == [first.path, second.path]
    assert found.videos[0].actions == tuple(replace(a, half=1) for a in actions)
    assert found.videos[1].actions == second.actions
    assert found.skipped == ()


def test_a_table_says_the_time_on_the_clock_too(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", [video(tmp_path)])
    header, *rows = (tmp_path / "labels.csv").read_text("utf-8").splitlines()
    assert header == "video,time,label,confidence,clock"
    assert rows[2] == "match .mp4,3723.5,'-->,1.0,1:02:03.5"


def test_a_table_of_nothing_has_a_header(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", [video(tmp_path, ())])
    assert (tmp_path / "labels.csv").read_text() == "video,time,label\n"


def test_chapters_are_what_ffmpeg_reads(tmp_path: Path) -> None:
    path = tmp_path / "match.ffmeta"
    write(path, [replace(video(tmp_path), duration_s=4000.0)])
    with av.open(str(path), format="ffmetadata") as container:
        chapters = container.chapters()
    assert [(c["start"], c["end"]) for c in chapters] == [(1500, 12250), (12250, 3723500), (3723500, 4000000)]
    assert [c["metadata"]["title"].strip() for c in chapters] == [action.label for action in FOUND]


def test_chapters_of_one_time_do_not_end_before_they_begin(tmp_path: Path) -> None:
    write(tmp_path / "m.ffmeta", [video(tmp_path, (Action(2.0, "a"), Action(2.0, "b")))])
    with av.open(str(tmp_path / "m.ffmeta"), format="ffmetadata") as container:
        assert [(c["start"], c["end"]) for c in container.chapters()] == [(2000, 2001), (2000, 7000)]


def test_captions_are_what_ffmpeg_reads(tmp_path: Path) -> None:
    path = tmp_path / "match.vtt"
    write(path, [video(tmp_path, (*FOUND, Action(4000.0, "Foul", end_s=4003.0)))])
    with av.open(str(path)) as container:
        assert container.streams[0].codec_context.name == "webvtt"
        cues = [packet for packet in container.demux() if packet.size]
    assert [cue.pts for cue in cues] == [1500, 12250, 3723500, 4000000]
    assert [cue.duration for cue in cues] == [2000, 2000, 2000, 3000]
    assert [bytes(cue).decode() for cue in cues][2] == "--&gt;"


def test_youtube_chapters_begin_at_nought_and_last_ten_seconds(tmp_path: Path) -> None:
    at = [(30.9, "Goal"), (35.0, "Foul"), (36.0, "Goal"), (41.0, "Corner"), (3700.0, "Goal")]
    write(tmp_path / "c.txt", [video(tmp_path, tuple(Action(*each) for each in at))])
    lines = (tmp_path / "c.txt").read_text().splitlines()
    assert lines == ["0:00 Start", "0:30 Goal, Foul", "0:41 Corner", "1:01:40 Goal"]


def test_a_playlist_plays_the_actions(tmp_path: Path) -> None:
    halves = [
        video(tmp_path, (Action(60.0, "Goal"),), 1),
        video(tmp_path, (Action(2.0, "Foul", end_s=4.0),), 2),
    ]
    write(tmp_path / "lists" / "best.m3u", halves)
    assert (tmp_path / "lists" / "best.m3u").read_text().splitlines() == [
        "#EXTM3U",
        "#EXTINF:10,1:00 Goal",
        "#EXTVLCOPT:start-time=55.0",
        "#EXTVLCOPT:stop-time=65.0",
        "../match 1.mp4",
        "#EXTINF:9,0:02 Foul",
        "#EXTVLCOPT:start-time=0.0",
        "#EXTVLCOPT:stop-time=9.0",
        "../match 2.mp4",
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_takes_nothing_found_and_leaves_one_file(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"out{suffix}", [video(tmp_path, ())])
    assert [path.name for path in tmp_path.iterdir()] == [f"out{suffix}"]


def test_what_a_file_cannot_hold(tmp_path: Path) -> None:
    two = [video(tmp_path), video(tmp_path)]
    for name in ("a.vtt", "a.ffmeta", "a.txt"):
        with pytest.raises(UsageError, match="holds the actions of one video: received 2"):
            write(tmp_path / name, two)
    with pytest.raises(UsageError, match="holds one match, with at most a video for each half: received 2"):
        write(tmp_path / "a.json", two)
    with pytest.raises(
        UsageError, match=r"No format of actions has the suffix \.xml: expected one of \.json"
    ):
        write(tmp_path / "a.xml", two)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["=1+1", "+49", "-->", "@x", "Tor"])
def test_labels_that_a_spreadsheet_would_compute_are_guarded_and_read_back(
    tmp_path: Path, label: str
) -> None:
    (tmp_path / "m.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom")
    found = LabelledVideo(tmp_path / "m.mp4", (Action(3.0, label),))
    write(tmp_path / "found.csv", [found])
    cells = list(csv.DictReader((tmp_path / "found.csv").read_text("utf-8").splitlines()))
    assert not cells[0]["label"].startswith(("=", "+", "-", "@"))
    assert label_from(cells[0]["label"]) == label
    write(tmp_path / "found.jsonl", [found])
    assert json.loads((tmp_path / "found.jsonl").read_text("utf-8").splitlines()[0])["label"] == label
