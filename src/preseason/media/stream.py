"""One video stream of a container: its frames in the order they are shown, upright, no larger than asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.errors import MediaError
from preseason.media.whole import is_cut

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import InputContainer

Pixels = NDArray[np.uint8]
Span = tuple[float, float]

SEEK_GAP_S = 5.0
"""Frames further apart than this are jumped to; nearer ones are decoded on the way."""
MIN_THERE = 0.8
"""A file that holds less of its own declared length than this was cut short."""
_LATE_S = 1e-4
SOUND_SUFFIXES = frozenset({".m4a", ".m4b", ".mka", ".weba", ".wma", ".3ga"})
"""Of containers that may hold pictures and by this name should hold none."""


class Cursor:
    """The frame on show at rising times.

    Args:
        last_s: a time at which a frame is known to begin: headers of cut clips may name an earlier end.
    """

    def __init__(self, container: "InputContainer", stream: "VideoStream", last_s: float = 0.0) -> None:
        self._container, self._stream = container, stream
        # Behind the end a container may seek to nowhere.
        self._end_s = max(declared_s(container, stream), last_s) or float("inf")
        self._frames: Iterator[VideoFrame] = iter(())
        self._current: VideoFrame | None = None
        self._next: VideoFrame | None = None

    def at(self, target_s: float) -> "VideoFrame":
        """The last frame that begins at or before a time, the first one where none does.

        Raises:
            MediaError: there is none, or it is damaged.
        """
        target_s = min(target_s, self._end_s)
        if self._current is None or target_s - time_of(self._current, self._stream) > SEEK_GAP_S:
            self._jump(target_s)
        while self._next is not None and time_of(self._next, self._stream) <= target_s + _LATE_S:
            self._step()
        if self._current is None:
            raise MediaError("a video without frames that can be decoded")
        if self._current.is_corrupt:
            raise MediaError(f"damaged: the frame at {target_s:.2f} s cannot be decoded")
        return self._current

    def _jump(self, target_s: float) -> None:
        """To a key frame before a time; where a container lands behind it, a second try begins earlier."""
        for earlier_s in (0.0, 10.0, target_s):
            if self._current is not None or target_s > SEEK_GAP_S:
                seek(self._container, self._stream, max(target_s - earlier_s, 0.0))
            self._frames = decoded(self._container, self._stream)
            self._next = next(self._frames, None)
            if self._next is not None and time_of(self._next, self._stream) <= target_s + _LATE_S:
                break
        self._step()

    def _step(self) -> None:
        self._current, self._next = self._next, next(self._frames, None)


class Turned:
    """Frames to upright RGB arrays no larger than `longest_side`; one reformatter serves them all."""

    def __init__(self, longest_side: int | None) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self._longest = longest_side

    def __call__(self, frame: "VideoFrame") -> Pixels:
        """uint8 [h, w, 3]."""
        longest = max(frame.width, frame.height)
        scale = 1.0 if self._longest is None else min(1.0, self._longest / longest)
        width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA")
        return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), quarter_turns(frame)))


def quarter_turns(frame: "VideoFrame") -> int:
    """How often to turn by 90 degrees counterclockwise for an upright frame."""
    return round(frame.rotation / 90) % 4


@contextmanager
def opened(path: Path, threads: bool = False) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The container and its first video stream; every failure of the decoder becomes MediaError."""
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            streams = [s for s in container.streams.video if not s.disposition & attached()]
            if not streams:
                raise MediaError("a file without a video track")
            streams[0].thread_type = "AUTO" if threads else "SLICE"
            yield container, streams[0]
    except MediaError:
        raise
    except MemoryError:
        raise MediaError("too large to decode in this machine's memory") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(_failure(error)) from error


@lru_cache(1)
def attached() -> Any:
    """Cover pictures of sound files are video streams with this mark."""
    from av.stream import Disposition

    return Disposition.attached_pic


def has_pictures(path: Path) -> bool:
    """Whether a container holds moving pictures, not only sound; true where it cannot be opened."""
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return any(not s.disposition & attached() for s in container.streams.video)
    except (av.FFmpegError, OSError, ValueError):
        return True


def _failure(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if "moov" in str(getattr(error, "log", "")) or "End of file" in text:
        return "cut short: the file ends early"
    return f"damaged: it cannot be decoded ({text})"


def decoded(
    container: "InputContainer", stream: "VideoStream", forgiving: bool = False
) -> "Iterator[VideoFrame]":
    """Frames in the order they are shown; damaged packets are passed over when `forgiving`."""
    import av

    for packet in container.demux(stream):
        try:
            yield from (frame for frame in packet.decode() if frame.pts is not None)
        except av.FFmpegError:
            if not forgiving:
                raise


def seek(container: "InputContainer", stream: "VideoStream", target_s: float) -> None:
    """To the last key frame at or before a time."""
    offset = round(target_s / float(stream.time_base or 1)) + (stream.start_time or 0)
    container.seek(offset, stream=stream, backward=True)


def time_of(frame: "VideoFrame", stream: "VideoStream") -> float:
    """Seconds from the first frame."""
    return float((frame.pts - (stream.start_time or 0)) * stream.time_base)  # type: ignore[operator]


def packet_times(container: "InputContainer", stream: "VideoStream", span: Span | None) -> list[float]:
    """Times of the frames in a span (or of all), rising, without decoding."""
    if span is not None and span[0] > SEEK_GAP_S:
        seek(container, stream, span[0])
    base, start = float(stream.time_base or 1), stream.start_time or 0
    found = []
    for packet in container.demux(stream):
        # An edit list hides frames that are only decoded for others.
        if packet.pts is None or packet.is_discard:
            continue
        found.append((packet.pts - start) * base)
        # Packets come in the order of decoding: a key frame is shown after all that came before it.
        if span is not None and packet.is_keyframe and found[-1] >= span[1]:
            break
    return sorted(t for t in found if t >= 0)


def refuse_cut(container: "InputContainer", stream: "VideoStream", times: Sequence[float]) -> None:
    """Raise MediaError for a file that holds less than it declares since bytes are missing at its end."""
    if is_cut(Path(container.name)) is False:
        return
    if stream.frames and "mp4" in container.format.name and len(times) < MIN_THERE * stream.frames:
        raise MediaError(f"cut short: {len(times)} of {stream.frames} frames are there")
    declared = _video_s(container, stream)
    if times and declared > 1 and times[-1] < MIN_THERE * declared:
        raise MediaError(f"cut short: {times[-1]:.1f} of {declared:.1f} s are there")


def _video_s(container: "InputContainer", stream: "VideoStream") -> float:
    """Declared seconds of the pictures alone, 0 where only those of pictures and sound together are known."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return 0.0 if container.streams.audio else float(container.duration or 0) / 1e6


def declared_s(container: "InputContainer", stream: "VideoStream") -> float:
    """Duration in seconds as the container declares it, 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / 1e6
