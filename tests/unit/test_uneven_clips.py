"""Clips as other programs leave them: cut without encoding, with headers that are wrong, at uneven rates."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import movies
from preseason.errors import MediaError
from preseason.media import video
from preseason.media.whole import is_cut


def levels(frames: np.ndarray) -> list[int]:
    return [movies.level(frame) for frame in frames]


def whole(path: Path, count: int = 25, **more: object) -> Path:
    return movies.write(path, [movies.picture(number) for number in range(count)], **more)  # type: ignore[arg-type]


def cut_without_encoding(source: Path, target: Path, hidden: int) -> Path:
    """As ffmpeg's `-ss T -c copy`: every packet is kept, and an edit list hides the first frames."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = given.streams.video[0]
        copied = made.add_stream_from_template(stream)
        shift = round(Fraction(hidden, movies.FPS) / stream.time_base)
        for packet in given.demux(stream):
            if packet.dts is None:
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copied
            made.mux(packet)
    return target


@pytest.mark.parametrize("hidden", [5, 15, 22])
@pytest.mark.parametrize("bframes", ["0", "2"])
def test_an_edit_list_hides_frames_and_nothing_is_missing(tmp_path: Path, hidden: int, bframes: str) -> None:
    made = whole(tmp_path / "a.mp4", options={"bf": bframes, "g": "50"})
    cut = cut_without_encoding(made, tmp_path / "cut.mp4", hidden)
    shown = levels(video.evenly(cut, 3))
    assert shown == [hidden, pytest.approx((hidden + 24) / 2, abs=0.6), 24]
    assert video.length_s(cut) == pytest.approx((25 - hidden) / 25, abs=0.05)


def claiming(path: Path, box: bytes, times: int) -> Path:
    """An MP4 whose header of the movie or its media claims more seconds than there are."""
    content = bytearray(path.read_bytes())
    place = content.index(box) + 4 + 4 + 8 + 4
    length = int.from_bytes(content[place : place + 4], "big")
    content[place : place + 4] = (length * times).to_bytes(4, "big")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("box", [b"mvhd", b"mdhd"])
def test_a_header_that_claims_more_seconds_is_not_believed(tmp_path: Path, box: bytes) -> None:
    made = claiming(whole(tmp_path / "a.mp4", 30), box, 5)
    assert levels(video.evenly(made, 3)) == [0, 14, 29]
    assert video.length_s(made) == pytest.approx(1.2, abs=0.05)


def test_a_matroska_file_whose_duration_is_wrong_is_read(tmp_path: Path) -> None:
    made = whole(tmp_path / "a.mkv", 30)
    content = bytearray(made.read_bytes())
    place = content.index(b"\x44\x89\x88") + 3
    content[place : place + 8] = np.array([99000.0], ">f8").tobytes()
    made.write_bytes(content)
    assert levels(video.evenly(made, 3)) == [0, 14, 29]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_bytes_that_are_missing_are_told_by_the_containers_own_sizes(
    tmp_path: Path, name: str, codec: str
) -> None:
    made = whole(tmp_path / name, 30, codec=codec)
    assert is_cut(made) is False
    made.write_bytes(made.read_bytes()[:-100])
    assert is_cut(made) is True


def test_kinds_without_sizes_tell_nothing(tmp_path: Path) -> None:
    assert is_cut(whole(tmp_path / "a.ts")) is None
    (tmp_path / "a.flv").write_bytes(b"FLV\x01" + b"\x00" * 90)
    assert is_cut(tmp_path / "a.flv") is None


def test_data_that_are_truly_missing_stay_refused(tmp_path: Path) -> None:
    made = whole(tmp_path / "a.mp4", 30, options={"g": "4"})
    with (
        av.open(str(made)) as given,
        av.open(str(tmp_path / "b.mp4"), "w", options={"movflags": "faststart"}) as copy,
    ):
        copied = copy.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copied
                copy.mux(packet)
    content = (tmp_path / "b.mp4").read_bytes()
    start = content.index(b"mdat")
    (tmp_path / "b.mp4").write_bytes(content[: start + (len(content) - start) // 3])
    with pytest.raises(MediaError, match="cut short"):
        video.evenly(tmp_path / "b.mp4", 3)


TIMES = [0.0, 0.04, 0.08, 0.12, 4.0, 4.04, 8.0]
"""A screen that hardly changes: four frames at once, then long waits."""


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    return whole(tmp_path / "screen.mkv", len(TIMES), times=TIMES)


def test_frames_are_spread_in_time_not_in_number(screen: Path) -> None:
    # At 0, 1, ... 8 s the frame on show is the last that began.
    assert levels(video.evenly(screen, 9)) == [0, 3, 3, 3, 4, 5, 5, 5, 6]


def test_a_window_in_which_no_frame_begins_shows_the_one_before(screen: Path) -> None:
    assert levels(video.evenly(screen, 3, (1.0, 3.0))) == [3, 3, 3]
    assert levels(video.evenly(screen, 3, (5.0, 7.5))) == [5, 5, 5]


def test_a_window_over_a_change_is_spread_in_time(screen: Path) -> None:
    assert levels(video.evenly(screen, 5, (2.0, 6.0))) == [3, 3, 4, 5, 5]


def test_a_window_behind_the_end_has_no_frames(screen: Path) -> None:
    with pytest.raises(MediaError, match=r"without frames from 20\.0 to 21\.0"):
        video.evenly(screen, 3, (20.0, 21.0))


def test_even_clips_are_spread_as_before(tmp_path: Path) -> None:
    made = whole(tmp_path / "a.mp4")
    assert levels(video.evenly(made, 8)) == np.linspace(0, 24, 8).round().astype(int).tolist()
    assert levels(video.evenly(made, 3, (0.4, 0.8))) == [10, 14, 19]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_header_that_ends_too_early_hides_no_frame(tmp_path: Path, name: str) -> None:
    made = whole(tmp_path / name, 5, times=[0, 0.04, 0.08, 0.12, 9.0])
    assert levels(video.evenly(made, 5)) == [0, 3, 3, 3, 4]


def test_the_first_frame_of_a_clip_may_begin_late(tmp_path: Path) -> None:
    made = whole(tmp_path / "a.mkv", 4, times=[10.0, 10.04, 14.0, 18.0])
    assert levels(video.evenly(made, 5)) == [0, 1, 2, 2, 3]
    assert levels(video.evenly(made, 2, (1.0, 3.0))) == [1, 1]


def test_the_last_picture_of_an_animation_may_stay_for_long(tmp_path: Path) -> None:
    pictures = [Image.fromarray(movies.picture(number)) for number in range(5)]
    lasting = {"save_all": True, "append_images": pictures[1:], "duration": [40, 40, 3000, 40, 2000]}
    pictures[0].save(tmp_path / "a.gif", **lasting)
    assert levels(video.evenly(tmp_path / "a.gif", 6)) == [0, 2, 2, 2, 2, 4]


def test_the_grid_of_a_stream_gives_the_frame_on_show(screen: Path) -> None:
    found = {round(time, 2): movies.level(frame) for time, frame in video.stream(screen, 1.0)}
    assert [found[second] for second in range(9)] == [0, 3, 3, 3, 4, 5, 5, 5, 6]
