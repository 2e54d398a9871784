"""Reading times of actions: tables and SoccerNet's folders, every fault named."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[1]))

import tiny_matches
from preseason.data.actions import Action, match_of
from preseason.data.labelled_videos import holds_actions, read
from preseason.errors import DataError, MediaError, UsageError
from preseason.media import content


def check(path: Path) -> str | None:
    """As a task checks: by the first bytes."""
    kind = content.kind(content.read_head(path)) or "file of no known kind"
    return None if "video" in kind else f"a {kind}, not a video"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_matches.write(tmp_path_factory.mktemp("video") / "m.mp4", [(1.0, "jump")], 2.0)


@pytest.fixture
def desk(tmp_path: Path, video: Path) -> Path:
    """A folder with a.mp4 and b.mp4, a photo and a text that calls itself a video."""
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(video, tmp_path / name)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    (tmp_path / "page.mp4").write_text("<html></html>")
    return tmp_path


def table(desk: Path, text: str, name: str = "labels.csv") -> Path:
    (desk / name).write_text(text, "utf-8")
    return desk / name


@pytest.mark.parametrize("columns", ["match,time,event", "id,timestamp,action", "game_id,minute,label"])
def test_ids_of_matches_lead_to_their_videos(desk: Path, columns: str) -> None:
    (desk / "a.txt").write_text("About the match.")
    found = table(desk, f"{columns}\na,0:01,goal\nB,0:01,foul\na,0:02,goal\ngone,0:01,goal\n", "labels.csv")
    assert holds_actions(found)
    read_videos = read(found, check)
    assert [video.path.name for video in read_videos.videos] == ["a.mp4", "b.mp4"]
    assert [item.reason for item in read_videos.skipped] == ["row 5 of labels.csv: there is no such file"]


def times(found: tuple[Action, ...]) -> list[tuple[float, str]]:
    return [(action.time_s, action.label) for action in found]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", "video,time,label\na.mp4,12.5,goal\na.mp4,1:02:03.5,foul\nb.mp4,0:30,goal\n"),
        ("l.csv", "Video File;Time (s);Event\na.mp4;12,5;goal\na.mp4;1:02:03,5;foul\nb.mp4;30 s;goal\n"),
        ("l.tsv", "label\tstart\tpath\ngoal\t12.5\ta.mp4\nfoul\t62:03.5\ta.mp4\ngoal\t30\tb.mp4\n"),
        (
            "l.jsonl",
            '{"video": "a.mp4", "time": 12.5, "label": "goal"}\n'
            '{"video": "a.mp4", "time": "1:02:03.5", "label": "foul"}\n'
            '{"video": "b.mp4", "time": 30, "label": "goal"}\n',
        ),
        ("l.csv", "video,position,label\na.mp4,12500,goal\na.mp4,3723500,foul\nb.mp4,30000,goal\n"),
    ],
)
def test_tables_of_many_makers(desk: Path, name: str, text: str) -> None:
    path = table(desk, text, name)
    assert holds_actions(path)
    found = read(path, check)
    assert [video.path.name for video in found.videos] == ["a.mp4", "b.mp4"]
    assert times(found.videos[0].actions)[0] == (12.5, "goal")
    assert [a.label for video in found.videos for a in video.actions][1:] == ["foul", "goal"]
    assert found.videos[1].actions[0].time_s == 30
    assert found.labels == ("foul", "goal")
    assert found.skipped == ()
    assert found.videos[0].group != found.videos[1].group


def test_every_fault_is_named_with_its_row(desk: Path) -> None:
    rows = (
        "video,time,end,label,half,confidence,part\n"
        "a.mp4,5,,goal,1,0.5,train\n"  # row 2
        "a.mp4,5,,goal,1,0.5,train\n"
        "c.mp4,5,,goal,,,\n"
        "a.mp4,-1,,goal,,,\n"
        "a.mp4,99,,goal,,,\n"
        "a.mp4,half past,,goal,,,\n"
        "a.mp4,,,goal,,,\n"
        ",5,,goal,,,\n"
        "a.mp4,6,,,,,\n"
        "a.mp4,6,5,goal,,,\n"
        "page.mp4,6,,goal,,,\n"
        "a.mp4,6,,Background,,,\n"
        "a.mp4,6,,goal,9,,\n"
        "a.mp4,6,,goal,,7,\n"
        "a.mp4,6,,goal,,,tomorrow\n"
        "a.mp4,6,,goal,,,test\n"
        ",,,,,,\n"
        "a.mp4,60.9,,goal,second,,\n"
    )
    found = read(table(desk, rows), check, duration=lambda path: 60.0)
    assert times(found.videos[0].actions) == [(5.0, "goal"), (60.9, "goal")]
    assert [(action.half, action.confidence) for action in found.videos[0].actions] == [(1, 0.5), (2, 1.0)]
    assert found.videos[0].half is None
    assert (found.videos[0].split, found.videos[0].duration_s) == ("train", 60.0)
    assert [item.reason for item in found.skipped] == [
        "row 3 of labels.csv: the same as row 2 of labels.csv",
        "row 4 of labels.csv: there is no such file",
        "row 5 of labels.csv: the time -1 is negative",
        "row 6 of labels.csv: 99 s is after the end of the video, which lasts 60.0 s",
        "row 7 of labels.csv: 'half past' is no time: expected seconds, mm:ss or h:mm:ss",
        "row 8 of labels.csv: no time",
        "row 9 of labels.csv: no video",
        "row 10 of labels.csv: no label",
        "row 11 of labels.csv: it ends at 5 s, before it begins at 6 s",
        "row 12 of labels.csv: a web page, not a video",
        "row 13 of labels.csv: the label 'background' is kept for moments without an action",
        "row 14 of labels.csv: half '9' is none of 1 to 5",
        "row 15 of labels.csv: the confidence 7 is not within 0 and 1",
        "row 16 of labels.csv: part 'tomorrow' is none of train, validation, test",
        "row 17 of labels.csv: the video is train, by an earlier row, and cannot be test too",
        "1 blank row",
    ]
    assert found.skipped[1].path.endswith("c.mp4")


def test_milliseconds_are_read_beside_soccernets_clock_alone(desk: Path) -> None:
    path = table(desk, "video,gameTime,position,label\na.mp4,2 - 00:30,30400,goal\na.mp4,2 - 01:10,,foul\n")
    actions = read(path, check).videos[0].actions
    assert actions == (Action(30.4, "goal", half=2), Action(70.0, "foul", half=2))
    squad = table(desk, "video,time,position,label\na.mp4,5,left wing,goal\na.mp4,6,7,goal\n")
    assert times(read(squad, check).videos[0].actions) == [(5.0, "goal"), (6.0, "goal")]


def test_a_video_that_cannot_be_measured_is_named(desk: Path) -> None:
    def duration(path: Path) -> float:
        if path.name == "a.mp4":
            raise MediaError("its tail is missing")
        return 0.0

    path = table(desk, "video,time,label\na.mp4,5,goal\nb.mp4,5,goal\n")
    found = read(path, check, duration)
    assert [(video.path.name, video.duration_s) for video in found.videos] == [("b.mp4", None)]
    assert found.skipped[0].reason == "row 2 of labels.csv: its tail is missing"


def test_halves_of_one_match_are_one_group(desk: Path) -> None:
    for name in ("final 1st half.mp4", "final 2nd half.mp4", "cup_half2.mp4"):
        shutil.copy(desk / "a.mp4", desk / name)
    names = [f"{name},5,goal" for name in ("final 1st half.mp4", "final 2nd half.mp4", "cup_half2.mp4")]
    found = read(table(desk, "video,time,label\n" + "\n".join(names)), check)
    assert [(video.group, video.half) for video in found.videos] == [("cup", 2), ("final", 1), ("final", 2)]


def test_a_group_column_goes_before_the_name(desk: Path) -> None:
    found = read(table(desk, "video,time,label,match\na.mp4,5,goal,cup\nb.mp4,5,goal,cup\n"), check)
    assert [video.group for video in found.videos] == ["cup", "cup"]


@pytest.mark.parametrize(
    ("path", "match", "half"),
    [
        ("epl/a/1_224p.mkv", "epl/a", 1),
        ("epl/a/2_HQ.mkv", "epl/a", 2),
        ("1_arsenal.mp4", "1_arsenal.mp4", None),
        ("h/final-half-1.mp4", "h/final", 1),
        ("final.2half.mp4", "final", 2),
        ("halftime.mp4", "halftime.mp4", None),
        ("behalf2.mp4", "behalf2.mp4", None),
    ],
)
def test_what_a_name_tells_of_the_match(path: str, match: str, half: int | None) -> None:
    assert match_of(Path(path)) == (match, half)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label,start,end\na.mp4,x,1,2\nb.mp4,y,3,4\n", False),  # a clip of each video
        ("path,label,start,end\na.mp4,x,1,2\na.mp4,y,3,4\n", False),  # several, but of a short one
        ("path,label,start,end\na.mp4,x,80,90\nb.mp4,y,80,90\n", False),  # of long ones, one of each
        ("path,label,start,end\na.mp4,x,1,2\na.mp4,y,1:30,1:34\n", True),
        ("path,label,start,end\na.mp4,x,1,\na.mp4,y,3,\n", True),  # no ends
        ("path,label,time,end\na.mp4,x,1,2\n", True),
        ("path,label,time\nphoto.png,x,12:30\n", False),  # when a photo was taken
        ("path,label,time\nc.mp4,x,12:30\n", False),  # no such file
        ("path,label,time\na.mp4,x,yesterday\nb.mp4,x,today\n", False),
        ("path,label\na.mp4,x\n", False),
        ("path,time\na.mp4,3\n", False),
        ("text,label\nhello,3\n", False),
        ("", False),
    ],
)
def test_actions_are_told_from_clips_and_photos(desk: Path, text: str, expected: bool) -> None:
    assert holds_actions(table(desk, text)) is expected


def test_a_measured_video_tells_more_than_the_last_label(desk: Path) -> None:
    path = table(desk, "path,label,start,end\na.mp4,x,1,2\na.mp4,y,3,4\n")
    assert holds_actions(path, duration=lambda path: 5400.0)
    assert not holds_actions(path, duration=lambda path: 20.0)
    assert holds_actions(desk, duration=lambda path: 5400.0)
    assert not holds_actions(desk)
    assert read(desk, check, duration=lambda path: 5400.0).labels == ("x", "y")


def test_a_folder_with_its_table(desk: Path) -> None:
    assert not holds_actions(desk)
    assert not holds_actions(desk / "none")
    assert not holds_actions(desk / "a.mp4")
    table(desk, "video,time,label\na.mp4,5,goal\n")
    assert holds_actions(desk)
    assert read(desk, check).labels == ("goal",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,label\na.mp4,goal\n", "has no column for the time. Found the columns video, label"),
        ("when,what\n1,goal\n", "has no column for the video and the label and the time"),
        ("video,time,label\nc.mp4,3,goal\n", r"holds no usable action. Left out 1: .*c.mp4: row 2"),
        ("video,time,label\n", "holds no usable action. It is empty"),
    ],
)
def test_tables_that_cannot_be_used(desk: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(table(desk, text), check)


def test_what_is_not_there_or_no_table(desk: Path) -> None:
    with pytest.raises(DataError, match="There is no file or folder"):
        read(desk / "none.csv", check)
    with pytest.raises(DataError, match="says no times of actions"):
        read(desk / "a.mp4", check)
    with pytest.raises(DataError, match="says no times of actions"):
        read(desk, check)


def soccernet(root: Path, video: Path, names: tuple[str, ...], labels: str, annotations: list[Any]) -> Path:
    game = root / "england_epl" / "2014-2015" / "2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"
    game.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(video, game / name)
    (game / labels).write_text(json.dumps({"UrlLocal": "x", "annotations": annotations}), "utf-8")
    return game


def note(when: str, label: str, position: str | int | None = None, **more: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"gameTime": when, "label": label, "team": "home", "visibility": "visible"}
    return entry | ({} if position is None else {"position": position}) | more


def test_soccernet_folders(tmp_path: Path, video: Path) -> None:
    annotations = [
        note("1 - 00:30", "Goal", "30400"),
        note("1 - 00:10", "Foul", 10000, visibility="not shown"),
        note("2 - 45:01", "Corner"),
    ]
    names = ("1_224p.mkv", "1_720p.mkv", "1_HQ.mkv", "2_224p.mkv", "720p.mp4")
    game = soccernet(tmp_path, video, names, "Labels-v2.json", annotations)
    assert holds_actions(tmp_path)
    assert holds_actions(game / "Labels-v2.json")
    found = read(tmp_path, check)
    first, second = found.videos
    assert (first.path.name, second.path.name) == ("1_720p.mkv", "2_224p.mkv")
    assert (first.half, second.half) == (1, 2)
    assert first.group == second.group == game.relative_to(tmp_path).as_posix()
    assert first.actions == (
        Action(10.0, "Foul", half=1, visible=False),
        Action(30.4, "Goal", half=1),
    )
    assert second.actions == (Action(2701.0, "Corner", half=2),)
    assert found.labels == ("Corner", "Foul", "Goal")


def test_ball_actions_lie_in_one_video(tmp_path: Path, video: Path) -> None:
    annotations = [note("1 - 00:30", "PASS", "30400"), note("2 - 00:10", "DRIVE", "1")]
    names = ("720p.mp4", "224p.mp4", "2_720p.mkv")
    soccernet(tmp_path, video, names, "Labels-ball.json", annotations)
    found = read(tmp_path, check)
    assert [(v.path.name, v.half, times(v.actions)) for v in found.videos] == [
        ("720p.mp4", 1, [(30.4, "PASS")])
    ]
    assert [item.reason for item in found.skipped] == [
        "1 of half 2, and there is no 2_720p.mkv beside the labels"
    ]


def test_faults_of_soccernet_labels_are_named(tmp_path: Path, video: Path) -> None:
    annotations = [
        note("1 - 00:30", "Goal", "30000"),
        note("1 - 00:30", "Goal", "30000"),
        note("1 - 00:30", "", "30000"),
        note("00:30", "Goal", "30000"),
        note("1 - 00:30", "Goal", "-5"),
        note("1 - 00:30", "Goal", "soon"),
        note("1 - 99:30", "Goal", "5970000"),
        "text",
        {"label": "Goal", "half": 1},
        note("2 - 00:30", "Goal", "30000"),
        note("2 - 00:31", "Goal", "31000"),
    ]
    game = soccernet(tmp_path, video, ("1_720p.mkv",), "Labels-v2.json", annotations)
    other = game.parent / "other"
    other.mkdir()
    (other / "Labels-v2.json").write_text("{")
    found = read(tmp_path, check, duration=lambda path: 2700.0)
    assert times(found.videos[0].actions) == [(30.0, "Goal")]
    assert [item.reason for item in found.skipped] == [
        "annotation 2 of Labels-v2.json: the same as annotation 1 of Labels-v2.json",
        "annotation 3 of Labels-v2.json: no label",
        "annotation 4 of Labels-v2.json: gameTime '00:30' names no half, as in '1 - 05:23'",
        "annotation 5 of Labels-v2.json: the position -5 is negative",
        "annotation 6 of Labels-v2.json: position 'soon' is no number",
        "annotation 7 of Labels-v2.json: 5970 s is after the end of the video, which lasts 2700.0 s",
        "annotation 8 of Labels-v2.json: no JSON object",
        "annotation 9 of Labels-v2.json: no position and no gameTime",
        "2 of half 2, and there is no 2_720p.mkv beside the labels",
        f"{other / 'Labels-v2.json'} is no JSON: download it again",
    ]


def test_a_half_without_actions_is_read_for_its_quiet(tmp_path: Path, video: Path) -> None:
    soccernet(tmp_path, video, ("1_720p.mkv", "2_720p.mkv"), "Labels-v2.json", [note("1 - 00:30", "Goal")])
    assert [(v.half, len(v.actions)) for v in read(tmp_path, check).videos] == [(1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_s": -1.0}, "no number of seconds"),
        ({"time_s": float("nan")}, "no number of seconds"),
        ({"end_s": 1.0}, "before it begins"),
        ({"confidence": 1.5}, "not within 0 and 1"),
        ({"confidence": float("nan")}, "not within 0 and 1"),
        ({"label": " "}, "no label"),
        ({"half": 0}, "half 0 is none"),
    ],
)
def test_an_action_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Action(**({"time_s": 5.0, "label": "goal"} | settings))


def test_the_middle_stands_for_an_action_with_an_end() -> None:
    assert Action(5.0, "a", end_s=8.0).moment_s == 6.5
    assert Action(5.0, "a").moment_s == 5.0
