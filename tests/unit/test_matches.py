"""The makers of matches for tests and measurements: what they write is where they say it is."""

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))

import tiny_matches
from preseason.data.labelled_videos import holds_actions, read

ROOT = Path(__file__).parents[2]


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def matches() -> ModuleType:
    spec = importlib.util.spec_from_file_location("matches", ROOT / "benchmarks" / "quality" / "matches.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["matches"] = module
    spec.loader.exec_module(module)
    return module


def test_a_tiny_match_shows_its_events_at_their_times(tmp_path: Path) -> None:
    path = tiny_matches.write(tmp_path / "m.mp4", [(2.0, "jump"), (5.0, "cross")], 7.0)
    shown = frames(path)
    assert len(shown) == 7 * tiny_matches.FPS
    high = [float(frame[10:24, 12:28].min(axis=2).max()) > 150 for frame in shown]
    jumping = np.flatnonzero(high) / tiny_matches.FPS
    assert jumping.mean() == pytest.approx(2.0, abs=0.05)
    assert (np.abs(jumping - 2.0) < 0.5).all()
    red = [float(frame[20:32, 40:, 0].max()) > 120 for frame in shown]
    crossing = np.flatnonzero(red) / tiny_matches.FPS
    assert (np.abs(crossing - 5.0) <= 0.5).all()
    assert 4 <= len(crossing) <= 12


def test_tiny_matches_are_labelled_and_the_same_each_time(tmp_path: Path) -> None:
    table = tiny_matches.write_matches(tmp_path, count=2, length_s=12.0)
    assert holds_actions(table)
    found = read(table, lambda path: None)
    assert found.labels == tiny_matches.LABELS
    assert [len(video.actions) for video in found.videos] == [
        len(tiny_matches.events_of(12.0, 0)),
        len(tiny_matches.events_of(12.0, 1)),
    ]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of one grey level each, 8 frames: 4 of each class, "nothing" among them."""
    root = tmp_path_factory.mktemp("clips")
    for place, label in enumerate(("nothing", "pass", "shot")):
        for number in range(4):
            with av.open(str(target(root, label, number)), "w") as container:
                stream = container.add_stream("libx264", rate=24)
                stream.height, stream.width, stream.pix_fmt = 32, 24, "yuv420p"
                grey = np.full((32, 24, 3), 50 + 60 * place + 10 * number, np.uint8)
                for _ in range(8):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
                container.mux(stream.encode(None))
    return root


def target(root: Path, label: str, number: int) -> Path:
    (root / label).mkdir(exist_ok=True)
    return root / label / f"{label}_{number}.mp4"


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_joined_matches_show_each_clip_at_its_time(matches: ModuleType, clips: Path, tmp_path: Path) -> None:
    plan = matches.Plan(train=2, test=1, length_s=8.0, side=32)
    for table in matches.build(clips, tmp_path, plan):
        shown = {path.name: frames(path) for path in table.parent.glob("*.mp4")}
        rows = rows_of(table)
        assert len(rows) >= 2 * len(shown)
        for row in rows:
            frame = shown[row["video"]][round(float(row["time"]) * matches.FPS)]
            assert frame.shape == (32, 32, 3)
            label, number = row["clip"].removesuffix(".mp4").split("_")
            level = 50 + 60 * ("nothing", "pass", "shot").index(row["label"]) + 10 * int(number)
            assert abs(float(frame[8:24, 8:24].mean()) - level) < 5
            assert label == f"{row['label']}/{row['label']}"
        assert holds_actions(table)
        assert read(table, lambda path: None).labels == ("pass", "shot")


def test_no_clip_is_in_two_matches(matches: ModuleType, clips: Path, tmp_path: Path) -> None:
    plan = matches.Plan(train=2, test=2, length_s=20.0, side=32)
    used: dict[str, set[str]] = {}
    for table in matches.build(clips, tmp_path, plan):
        for row in rows_of(table):
            used.setdefault(row["clip"], set()).add(f"{table.parent.name}/{row['video']}")
    assert len(used) >= 6
    assert all(len(places) == 1 for places in used.values())
    shares = matches.dealt(clips, 4, np.random.default_rng(0))
    quiet = [path for share in shares for path in share["nothing"]]
    assert len(quiet) == len(set(quiet)) == 4


def test_without_quiet_clips_there_is_noise_between(matches: ModuleType, clips: Path, tmp_path: Path) -> None:
    plan = matches.Plan(train=1, test=1, length_s=4.0, side=32, codec="mpeg4")
    table, _ = matches.build(clips, tmp_path, plan, quiet="none")
    shown = frames(table.parent / "match-1.mp4")
    assert float(shown[2].std()) > 5
    assert {row["label"] for row in rows_of(table)} <= {"nothing", "pass", "shot"}


def test_too_few_clips_are_named(matches: ModuleType, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no folder of actions beside 'nothing'"):
        matches.build(clips / "nothing", tmp_path)
    with pytest.raises(ValueError, match="nothing holds 4 clips: expected one or more for each of 5 matches"):
        matches.build(clips, tmp_path, matches.Plan(train=3, test=2))
