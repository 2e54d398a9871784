"""Matches on the server: taken in, looked through, tagged, played, deleted."""

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tiny_matches
from serving_tools import serving

Match = tuple[Path, list[tiny_matches.Event]]


@pytest.fixture(scope="module")
def server(actions: Path) -> Iterator[httpx.Client]:
    with serving({"actions": actions}) as client:
        yield client


def sent(server: httpx.Client, path: Path) -> dict[str, Any]:
    reply = server.post("/v1/matches", params={"name": path.name}, content=path.read_bytes())
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def result(server: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, asked for until it is there; how far the work is goes up until then."""
    share, end = 0.0, time.monotonic() + 120
    while (reply := server.post(path, json=body)).status_code == 202:
        assert reply.json()["share"] >= share
        share = reply.json()["share"]
        assert time.monotonic() < end
        time.sleep(0.1)
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def test_actions_of_an_uploaded_match_are_found(server: httpx.Client, match: Match) -> None:
    path, events = match
    told = sent(server, path)
    assert (told["name"], told["uploaded"], round(told["duration_s"])) == ("match.mp4", True, 40)
    found = result(server, "/v1/spot", {"match": told["id"], "threshold": 0.3, "wait_s": 1})
    assert found["drift"]["verdict"] == "same"
    near = [
        any(abs(each["time_s"] - at) < 1 and each["label"] == label for each in found["actions"])
        for at, label in events
    ]
    assert sum(near) > 0.7 * len(events)
    surer = result(server, "/v1/spot", {"match": told["id"], "threshold": 0.95})
    assert len(surer["actions"]) <= len(found["actions"])
    assert all(each["confidence"] >= 0.95 for each in surer["actions"])


def test_a_match_of_another_world_is_told_and_no_path_with_it(server: httpx.Client, tmp_path: Path) -> None:
    events = tiny_matches.events_of(40.0, 78)
    told = sent(server, tiny_matches.write(tmp_path / "night.mp4", events, 40.0, 78, negative=True))
    drift = result(server, "/v1/spot", {"match": told["id"]})["drift"]
    assert drift["verdict"] == "other"
    assert "differ from the training data" in drift["words"]
    assert set(drift) == {"verdict", "words", "p_value", "distance", "usual", "expected"}


def test_marks_find_moments_like_them_and_become_a_table(server: httpx.Client, match: Match) -> None:
    path, events = match
    told = sent(server, path)
    jumps = [at for at, label in events if label == "jump"]
    place = f"/v1/matches/{told['id']}"
    first = result(server, f"{place}/alike", {"accepted": jumps[:2], "count": 4})
    assert len(first["moments"]) == 4
    assert not first["refitted"]
    wrong = [first["moments"][0]["time_s"]]
    again = result(server, f"{place}/alike", {"accepted": jumps[:2], "rejected": wrong, "count": 4})
    assert again["refitted"]
    assert all(abs(each["time_s"] - wrong[0]) > 1 for each in again["moments"])
    marks = [{"time_s": at, "label": "jump"} for at in jumps]
    table = server.post(f"{place}/labels", json={"marks": marks})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["video"], float(row["time"]), row["label"]) for row in rows] == [
        ("match.mp4", pytest.approx(at), "jump") for at in jumps
    ]


def test_a_match_is_played_in_pieces_shown_and_deleted(server: httpx.Client, match: Match) -> None:
    told = sent(server, match[0])
    place = f"/v1/matches/{told['id']}"
    piece = server.get(f"{place}/video", headers={"range": "bytes=0-99"})
    assert (piece.status_code, piece.headers["content-type"]) == (206, "video/mp4")
    assert piece.content == match[0].read_bytes()[:100]
    picture = server.get(f"{place}/frame", params={"t": 3.0})
    assert picture.content.startswith(b"\xff\xd8")
    assert server.get(f"{place}/frame", params={"t": -1}).status_code == 422
    assert told["id"] in [each["id"] for each in server.get("/v1/matches").json()["matches"]]
    assert server.delete(place).json()["deleted"]
    assert server.get(f"{place}/video").status_code == 404
    assert server.post("/v1/spot", json={"match": told["id"]}).status_code == 404


def test_what_is_no_video_is_refused(server: httpx.Client) -> None:
    before = server.get("/v1/matches").json()
    reply = server.post("/v1/matches", params={"name": "page.mp4"}, content=b"<!DOCTYPE html><html></html>")
    assert reply.status_code in (415, 422)
    assert "a web page, not a video" in reply.json()["error"]["message"]
    assert server.get("/v1/matches").json() == before
