"""Frames of clips are told from numbered photos by what they show and how they are called."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny_matches
from preseason.media import video
from preseason.media.frames import is_frames_folder, numbered, streams_of
from preseason.tasks.frames_or_photos import weigh
from preseason.tasks.reading import read, task_for


def scene(seed: int, at: int) -> Image.Image:
    """A noisy background with a square that moves."""
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    pixels[10:20, 2 + 3 * at : 12 + 3 * at] = 255
    return Image.fromarray(pixels)


def sequence(folder: Path, seed: int, names: "list[str] | None" = None, moving: bool = True) -> Path:
    folder.mkdir(parents=True)
    for at, name in enumerate(names or [f"{n:03}" for n in range(1, 11)]):
        (scene(seed, at) if moving else scene(100 * seed + at, 0)).save(folder / f"{name}.png")
    return folder


def plays(root: Path, **how: object) -> Path:
    for number, place in enumerate(("pass/1", "pass/2", "shot/1", "shot/2")):
        sequence(root / place, number, **how)  # type: ignore[arg-type]
    return root


@pytest.mark.parametrize(
    "names",
    [
        [f"{n}" for n in range(0, 100, 10)],
        [f"{n:04}" for n in range(6)],
        [f"img_{n:05}" for n in range(1, 9)],
        ["frame 1", "frame 2", "frame 4", "frame 5"],
    ],
)
def test_frames_of_many_makers(tmp_path: Path, names: list[str]) -> None:
    root = plays(tmp_path / "plays", names=names)
    (root / "pass" / "1" / "meta.json").write_text("{}")
    assert task_for(root).name == "clips"
    account = read(root).account
    assert (account.examples, account.labels) == (4, {"pass": 2, "shot": 2})
    assert account.notes[0].startswith("4 folders of numbered pictures taken for one clip each")


def test_numbered_photos_one_folder_deeper_are_photos(tmp_path: Path) -> None:
    root = plays(tmp_path / "players", moving=False)
    account = read(root).account
    assert (account.task, account.examples, account.labels) == ("photos", 40, {"pass": 20, "shot": 20})
    assert "--task clips reads them otherwise" in account.notes[0]


def test_numbered_photos_of_a_class_stay_photos_below_a_wrapper_and_in_batches(tmp_path: Path) -> None:
    for batch in ("2023", "2024"):
        for number, label in enumerate(("messi", "salah")):
            sequence(tmp_path / "all" / "data" / batch / label, number)
    account = read(tmp_path / "all").account
    assert (account.task, account.examples, list(account.labels)) == ("photos", 40, ["messi", "salah"])


def test_thumbnails_beside_videos_are_no_photos(tmp_path: Path) -> None:
    for label in ("pass", "shot"):
        for number in range(2):
            path = tmp_path / label / f"{number}.mp4"
            tiny_matches.write(path, [(0.2, "pass")], 0.5, number)
            scene(number, 0).save(path.with_suffix(".jpg"))
            scene(number, 0).save(path.with_name(f"{number}_thumb.jpg"))
    assert task_for(tmp_path).name == "clips"
    assert weigh(tmp_path).thumbnails == 8


def test_streams_of_one_clip_are_kept_apart(tmp_path: Path) -> None:
    folder = sequence(tmp_path / "a" / "1", 1, [f"rgb_{n}" for n in range(8)])
    for at in range(8):
        Image.new("RGB", (64, 48), (200, 0, 0)).save(folder / f"flow_{at}.png")
    assert sorted(streams_of(folder)) == ["flow_", "rgb_"]
    assert is_frames_folder(folder)
    assert [path.name for _, path in numbered(folder)] == [f"rgb_{n}.png" for n in range(8)]
    assert video.evenly(folder, 8).shape[0] == 8
    assert len(np.unique(video.evenly(folder, 8)[:, 0, 0], axis=0)) == 1
