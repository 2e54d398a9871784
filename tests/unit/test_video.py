"""Videos to frames: the right frame at every time, whatever the container; faults named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from movies import level, picture, turned, write
from preseason.errors import MediaError
from preseason.media import frames, video

TEN = [picture(i) for i in range(10)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.mov", "libx265"),
    ],
)
def test_frames_are_found_by_time_in_every_container(tmp_path: Path, name: str, codec: str) -> None:
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = write(tmp_path / name, TEN, codec, options=quiet)
    assert video.check(path) is None
    assert [level(f) for f in video.evenly(path, 10)] == list(range(10))
    assert [level(f) for f in video.evenly(path, 4)] == [0, 3, 6, 9]
    assert [level(f) for f in video.at(path, [0.0, 0.05, 0.2, 9.0])] == [0, 1, 5, 9]
    found = video.facts(path)
    assert (found.height, found.width) == (48, 64)
    assert found.fps == pytest.approx(25, abs=0.1)
    assert found.duration_s == pytest.approx(0.4, abs=0.05)


def test_a_gif_is_read_as_a_clip(tmp_path: Path) -> None:
    frames = [Image.fromarray(shown) for shown in TEN]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=40)
    assert [level(f) for f in video.evenly(tmp_path / "a.gif", 5)] == [0, 2, 4, 7, 9]


def test_of_frames_of_uneven_length_the_one_on_show_is_given(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.52, 2.0]
    path = write(tmp_path / "a.mkv", TEN[:5], times=times)
    assert [level(f) for f in video.at(path, [0.03, 0.4, 0.51, 1.9, 2.1])] == [0, 1, 2, 3, 4]
    assert [level(f) for _, f in video.stream(path, 4)] == [0, 1, 2, 3, 3, 3, 3, 3, 4]


@pytest.mark.parametrize("bframes", ["0", "3"])
def test_far_frames_are_jumped_to_and_are_the_right_ones(tmp_path: Path, bframes: str) -> None:
    many = [picture(i // 25) for i in range(25 * 30)]
    path = write(tmp_path / "a.mp4", many, options={"g": "50", "bf": bframes})
    asked = [0.5, 7.2, 7.9, 19.0, 29.9]
    assert [level(f) for f in video.at(path, asked)] == [0, 7, 7, 19, 29]
    assert [level(f) for f in video.evenly(path, 3, span=(12.0, 15.0))] == [12, 13, 14]
    assert [round(t, 2) for t, _ in video.stream(path, 2, start_s=12.3)][:3] == [12.5, 13.0, 13.5]
    assert [level(f) for _, f in video.stream(path, 1, start_s=20)] == list(range(20, 30))


def test_a_phones_clip_is_turned_upright(tmp_path: Path) -> None:
    path = turned(write(tmp_path / "a.mp4", [picture(i, marked=True) for i in range(5)]))
    shown = video.evenly(path, 1)[0]
    assert shown.shape == (64, 48, 3)
    # Clockwise: what was at the upper left is at the upper right.
    assert shown[4, -4].min() > 200
    assert shown[4, 4].max() < 100
    assert (video.facts(path).height, video.facts(path).width) == (64, 48)


def test_frames_are_filtered_down_and_never_up(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", TEN)
    assert video.evenly(path, 2, longest_side=32).shape == (2, 24, 32, 3)
    assert video.evenly(path, 2, longest_side=500).shape == (2, 48, 64, 3)


def frames_folder(folder: Path, count: int = 12, size: tuple[int, int] = (64, 48)) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", size, (10 + 8 * number,) * 3).save(folder / f"frame_{number + 1:04}.png")
    return folder


def test_a_folder_of_numbered_frames_is_one_clip(tmp_path: Path) -> None:
    folder = frames_folder(tmp_path / "clip")
    assert frames.is_frames_folder(folder)
    assert [level(f) for f in video.evenly(folder, 4)] == [0, 4, 7, 11]
    assert [level(f) for f in video.at(folder, [0.0, 0.2, 5.0])] == [0, 5, 11]
    assert video.facts(folder).duration_s == pytest.approx(12 / 25)


def test_photos_that_merely_have_numbers_are_no_clip(tmp_path: Path) -> None:
    few = frames_folder(tmp_path / "few", 3)
    assert not frames.is_frames_folder(few)
    odd = frames_folder(tmp_path / "odd")
    Image.new("RGB", (90, 20)).save(odd / "frame_0012.png")
    assert not frames.is_frames_folder(odd)
    mixed = frames_folder(tmp_path / "mixed")
    (mixed / "notes.html").write_text("x")
    assert not frames.is_frames_folder(mixed)


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(100)]
    path = write(tmp_path / "a.mkv", noisy)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"cut short: 1\.\d of 4\.0 s are there"):
        video.evenly(path, 4)
    whole = write(tmp_path / "b.mp4", noisy)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"damaged|cut short"):
        video.evenly(whole, 4)


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    page = tmp_path / "clip.mp4"
    page.write_text("<!DOCTYPE html><html></html>")
    assert video.check(page) == "a web page saved as .mp4, not a video"
    (tmp_path / "empty.mp4").touch()
    assert video.check(tmp_path / "empty.mp4") == "0 bytes: the file is empty"
    with pytest.raises(MediaError, match="cannot be decoded"):
        video.evenly(page, 2)
    with pytest.raises(MediaError, match="there is no such file"):
        video.evenly(tmp_path / "none.mp4", 2)
    path = write(tmp_path / "a.mp4", TEN)
    with pytest.raises(MediaError, match=r"without frames from 5 to 6 s"):
        video.evenly(path, 2, span=(5, 6))


def test_a_stream_passes_over_damage(tmp_path: Path) -> None:
    many = [picture(i // 10) for i in range(200)]
    path = write(tmp_path / "a.ts", many, options={"g": "10", "bf": "0"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle : middle + 188 * 4] = bytes(188 * 4)
    path.write_bytes(content)
    seen = list(video.stream(path, 5))
    assert len(seen) == pytest.approx(40, abs=2)
    assert level(seen[-1][1]) == 19
