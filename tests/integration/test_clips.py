"""The road of clips and of long videos, as typed, with a small network and videos drawn here."""

import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import preseason
import tiny_matches
from movies import write
from preseason.cli.main import run
from preseason.data.soccernet import read_results
from preseason.evaluation.spotting import Recording, average_precision
from preseason.spotting.spotting import evaluate_spotting

WAYS = {"left": (-3, 0), "right": (3, 0), "up": (0, -2), "still": (0, 0)}


def moving(candidate: str, seed: int) -> list[np.ndarray]:
    """Ten frames of a bright square that moves one way over noise."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 90, (48, 64, 3), np.uint8)
    x, y = rng.integers(24, 30), rng.integers(18, 24)
    dx, dy = WAYS[candidate]
    frames = []
    for number in range(10):
        frame = noise.copy()
        frame[y + dy * number // 2 :][:12, max(x + dx * number, 0) :][:, :12] = (250, 220, 40)
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips of each of four movements, one broken, one web page, notes beside them."""
    root = tmp_path_factory.mktemp("clips")
    for candidate in WAYS:
        for seed in range(12):
            write(
                root / candidate / f"{candidate}_{seed}.mp4", moving(candidate, 100 * len(candidate) + seed)
            )
    whole = (root / "left" / "left_0.mp4").read_bytes()
    (root / "left" / "broken.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "up" / "page.mp4").write_text("<!DOCTYPE html><html></html>")
    return root


def asked(capsys: pytest.CaptureFixture[str], *words: Any) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*map(str, words), "--json", "-q"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_whole_road_of_clips(
    clips: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "plays"
    fit = asked(capsys, "fit", clips, "-o", model, "--head", "gru", *network)
    assert (fit["task"], fit["labels"], fit["metrics"]["n"]) == ("clips", sorted(WAYS), 48)
    assert fit["metrics"]["accuracy"] > 0.5
    assert {Path(item["path"]).name for item in fit["skipped"]} == {"broken.mp4", "page.mp4"}
    found = asked(capsys, "predict", model, clips / "up", clips / "left" / "left_3.mp4")
    assert [Path(p["input"]).name for p in found["predictions"]][-1] == "left_3.mp4"
    assert len(found["predictions"]) == 13
    scored = asked(capsys, "evaluate", model, clips)
    assert scored["metrics"]["n"] == 48
    page = (model / "report.html").read_text("utf-8")
    assert "clips" in page
    assert page.count("data:image/jpeg") > 4
    loaded = preseason.load(model)
    assert loaded.record.span_s == pytest.approx(0.4, abs=0.02)
    again = loaded.predict(clips / "left" / "left_3.mp4")
    assert again[0].probability == pytest.approx(found["predictions"][-1]["probability"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [["--head", "statistics"], ["--head", "lstm"], ["--head", "tcn"], ["--head", "attention"]]
)
def test_every_head_over_time_can_be_asked_for(
    clips: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    fit = asked(capsys, "fit", clips, "-o", tmp_path / "m", *options, *network)
    assert fit["head"] == options[1]
    assert fit["metrics"]["accuracy"] > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--unfreeze", "1"], ["--unfreeze", "1", "--head", "lstm"]])
def test_blocks_can_be_fine_tuned_over_clips(
    clips: Path, network: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    model = tmp_path / "m"
    asked(capsys, "fit", clips, "-o", model, "--epochs", "4", "--budget", "1h", *options, *network)
    loaded = preseason.load(model)
    predictions = loaded.predict(clips / "up")
    assert len(predictions.predictions) == 12


def test_photos_heads_are_refused_for_clips(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fit", str(clips), "-o", str(tmp_path / "m"), "--head", "prototype"]) == 2
    assert "--head prototype is not for clips: expected auto, statistics" in capsys.readouterr().err


def test_actions_of_a_new_match_are_found_at_their_times(
    actions: Path, match: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, events = match
    out = tmp_path / "found.json"
    found = asked(
        capsys, "spot", actions, path, "-o", out, "-o", tmp_path / "found.csv", "--threshold", "0.1"
    )
    told = tuple(preseason.data.actions.Action(at, label) for at, label in events)
    assert found["drift"]["verdict"] == "same"
    assert found["drifts"] == [{"model": str(actions), "drift": found["drift"]}]
    listed = read_results(out)
    assert [a["label"] for a in found["actions"]] == [a.label for a in listed]
    precision = average_precision([Recording(told, listed)], tiny_matches.LABELS, 1.0)
    assert precision.value > 0.7
    late = [min((a.time_s - at for at, _ in events), key=abs) for a in listed if a.confidence > 0.5]
    assert abs(np.median(late)) < 0.15, "the middle of a window is what it shows"
    chance = average_precision([Recording(told, tuple(_elsewhere(listed)))], tiny_matches.LABELS, 1.0)
    assert chance.value < precision.value


def test_a_match_of_another_world_is_told(
    actions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny_matches.write(
        tmp_path / "night.mp4", tiny_matches.events_of(40.0, 78), 40.0, 78, negative=True
    )
    assert run(["spot", str(actions), str(path)]) == 0
    told = capsys.readouterr().out
    assert "Warning: these inputs differ from the training data" in told
    assert re.search(r"Label these first: .*night\.mp4 at 0:\d\d", told)


def _elsewhere(listed: Any) -> Any:
    for action in listed:
        yield preseason.data.actions.Action((action.time_s + 17.3) % 40, action.label, action.confidence)


def test_clips_are_cut_out(
    actions: Path, match: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, "spot", actions, match[0], "--clips", tmp_path / "cut")
    assert len(found["clips"]) == len(found["actions"]) > 4
    for path, action in zip(found["clips"], found["actions"], strict=True):
        with av.open(path) as container:
            frames = sum(1 for _ in container.decode(video=0))
        whole_s = min(action["time_s"], 4.0) + min(40 - action["time_s"], 4.0)
        assert frames / tiny_matches.FPS >= whole_s - 0.2


def test_spotting_is_measured(actions: Path, match: tuple[Path, Any], tmp_path: Path) -> None:
    path, events = match
    table = tmp_path / "labels.csv"
    table.write_text("video,time,label\n" + "".join(f"{path},{at},{label}\n" for at, label in events))
    measured = evaluate_spotting(preseason.load(actions), table)
    assert set(measured.average) == {"loose", "tight", "at1", "at2", "at3", "at4", "at5"}
    assert all(0.5 < average.value <= 1 for average in measured.average.values())
    assert measured.plain.value > 0.5
    table.write_text("match,time,event\n" + "".join(f"{path.stem},{at},{w.upper()} \n" for at, w in events))
    table.rename(path.parent / "labels.csv")
    assert evaluate_spotting(preseason.load(actions), path.parent / "labels.csv") == measured
    labels = "".join(f"{path.stem},{at},{w}ing\n" for at, w in events)
    (path.parent / "labels.csv").write_text("match,time,event\n" + labels)
    again = [f"{w}ing={w}" for w in sorted({w for _, w in events})]
    assert evaluate_spotting(preseason.load(actions), path.parent / "labels.csv", rename=again) == measured


def test_moments_like_the_examples_are_found_without_a_model(
    match: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, events = match
    jumps = [at for at, label in events if label == "jump"]
    words = ["--like", jumps[0], "--like", jumps[1], "-n", 4, "-o", tmp_path / "like.csv", "--label", "jump"]
    found = asked(capsys, "spot", *words, path)
    assert len(found["actions"]) == 4
    table = (tmp_path / "like.csv").read_text("utf-8")
    assert table.count("jump") == 4
    again = asked(capsys, "spot", "--like", f"0:{jumps[2]:05.2f}", "-n", 3, path)
    assert len(again["actions"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["match.mp4"], "Received 1 names, expected: preseason spot MODEL... MATCH"),
        (
            ["--like", "1:00", "model", "match.mp4"],
            "Received 2 names, expected: preseason spot --similar-to TIME MATCH",
        ),
        (["model", "model", "match.mp4"], "A model is named twice"),
        (["--rate", "3", "one", "other", "match.mp4"], "--rate has no effect here: with several models"),
        (["--like", "soon", "match.mp4"], "--similar-to soon: 'soon' is no time"),
    ],
)
def test_wrong_use_is_told(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spot", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_timeline_shows_what_was_found_beside_what_is_there(
    actions: Path, match: tuple[Path, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, events = match
    table = tmp_path / "labels.csv"
    table.write_text("video,time,label\n" + "".join(f"{path},{at},{label}\n" for at, label in events))
    asked(capsys, "evaluate", actions, table, "--timeline", tmp_path / "both.html")
    found = asked(capsys, "spot", actions, path, "-o", tmp_path / "found.html")["actions"]
    both, alone = ((tmp_path / name).read_text("utf-8") for name in ("both.html", "found.html"))
    assert both.count('class="truth"') == len(events)
    assert "truth" not in alone.split("</style>")[1]
    linked = {float(time) for time in re.findall(r"match\.mp4#t=([0-9.]+)", alone)}
    assert all(min(abs(action["time_s"] - time) for time in linked) < 0.01 for action in found)
    assert both.count('class="found"') == alone.count('class="found"') == len(found) > 4


def test_labels_in_a_timeline_are_text(tmp_path: Path) -> None:
    from preseason.report.timeline import Timeline, picture

    one = Timeline(tmp_path / "a.mp4", [preseason.data.actions.Action(3661.0, "<goal>", 0.5)])
    drawn = picture(one, "a.mp4")
    assert "&lt;goal&gt;" in drawn
    assert "1:01:01" in drawn
    assert "<goal>" not in drawn
