"""From drawn pitches to a model that finds things, and what other models learn from what it finds."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import movies
import preseason
import tiny_pitches
from preseason.cli.main import run
from preseason.problems.base import problems


@pytest.mark.slow
def test_a_fit_finds_players_and_goes_through_every_door(tmp_path: Path) -> None:
    tiny_pitches.write(tmp_path / "boxes", 24)
    model = preseason.fit(
        tmp_path / "boxes",
        tmp_path / "finder",
        folds=2,
        epochs=25,
        budget_s=200,
        cache=str(tmp_path / "cache"),
    )  # fmt: skip
    figures = problems.get("detection").values(model.record.metrics)
    assert figures["n"] == 24
    assert figures["ap50"] > 0.6
    page = (tmp_path / "finder" / "report.html").read_text("utf-8")
    assert "Pictures with most errors" in page
    finds_feed_the_other_roads(tmp_path)


def finds_feed_the_other_roads(place: Path) -> None:
    """What was found is a data set to learn from again; crops teach a model of photos to name each box."""
    new = tiny_pitches.write(place / "new", 8, first=60)
    asked = ["predict", str(place / "finder"), *(str(path) for path in sorted(new.glob("*.png"))), "-q"]
    own = ["--cache", str(place / "cache")]
    wanted = ["--format", "yolo", "-o", str(place / "set"), "--crops", str(place / "crops")]
    assert run([*asked, *own, *wanted]) == 0
    again = preseason.read(place / "set").account
    assert (again.task, again.examples, set(again.labels)) == ("detection", 8, set(tiny_pitches.LABELS))
    assert run([*asked, *own, "--format", "yolo"]) == 2, "a data set needs a folder"
    preseason.fit(place / "crops", place / "named", head="linear", unfreeze=0, cache=str(place / "cache"))
    assert set(preseason.read(place / "crops").account.labels) == set(tiny_pitches.LABELS)
    named = ["predict", str(place / "named"), str(new / "pitch-060.png"), "--on", str(place / "finder")]
    with redirect_stdout(io.StringIO()) as shown:
        assert run([*named, *own, "--json", "-q"]) == 0
    rows = json.loads(shown.getvalue())["predictions"]
    assert rows
    assert sum(row["label"] == row["found"] for row in rows) >= 0.7 * len(rows)
    assert run([*named[:3], "--on", str(place / "named"), *own, "-q"]) == 2
    assert run([*named, *own, "--fps", "2", "-q"]) == 2, "a picture has no rate"
    who_is_where_in_a_video(place, own)


def who_is_where_in_a_video(place: Path, own: list[str]) -> None:
    """Of a folder of videos: who each track is, the frames with their names, and the cut out pictures."""
    pytest.importorskip("trackers")
    (place / "videos").mkdir()
    shown = [np.asarray(tiny_pitches.pitch(70 + i // 25)[0]) for i in range(50)]
    movies.write(place / "videos" / "match.mp4", shown)
    named = ["predict", str(place / "named"), str(place / "videos"), "--on", str(place / "finder"), *own]
    with redirect_stdout(io.StringIO()) as out:
        assert run([*named, "--track", "--draw", str(place / "drawn"), "--json", "-q"]) == 0
    told = json.loads(out.getvalue())
    assert told["tracks"]
    assert (place / "drawn" / "match.mp4").is_file()
    for track in told["tracks"]:
        mine = [row for row in told["predictions"] if row["track"] == track["track"]]
        assert len({(row["label"], row["probability"]) for row in mine}) == 1, "a track has one answer"
        assert (len(mine), mine[0]["looks"]) == (track["boxes"], min(len(mine), 12))
    assert sum(row["label"] == row["found"] for row in told["predictions"]) >= 0.7 * len(told["predictions"])
    cut = ["predict", str(place / "finder"), str(place / "videos" / "*.mp4"), "--crops", str(place / "cut")]
    (place / "points.csv").write_text("x,y,pitch_x,pitch_y\n0,0,0,0\n160,0,40,0\n160,120,40,30\n0,120,0,30\n")
    more = ["--teams", "player", "--pitch", str(place / "points.csv"), "--draw", str(place / "map")]
    with redirect_stdout(io.StringIO()) as out:
        assert run([*cut, "--track", *more, "--json", "-q", *own]) == 0
    found = json.loads(out.getvalue())
    assert len(found["crops"]) == len(told["predictions"])
    assert {track["team"] for track in found["tracks"] if track["label"] == "ball"} == {None}
    assert {track["team"] for track in found["tracks"] if track["label"] == "player"} <= {0, 1, 2}
    box = found["predictions"][0]["boxes"][0]
    assert np.allclose(box["place_m"], (20 * (box["x0"] + box["x1"]), 30 * box["y1"]))
    assert (place / "map" / "match-pitch.png").is_file()
    assert run([*cut, "--teams", "player", "-q", *own]) == 2, "teams are of tracks"
    with redirect_stdout(io.StringIO()) as out:
        assert run([*named, "--track", *more[:4], "--format", "csv", "-q"]) == 0
    assert out.getvalue().splitlines()[0].endswith("y1,team,pitch_x,pitch_y")
    assert {path.name for path in (place / "cut").iterdir()} == {row["found"] for row in told["predictions"]}
