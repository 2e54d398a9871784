"""Clips and matches to frames: any container that PyAV reads, decoded only where frames are asked for.

Times are seconds from the first frame. Frames are uint8 RGB the right way up. Nothing is written to disk.
A `MediaError` of this module carries the bare reason, so that readers can put it beside the file's name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from preseason.errors import MediaError
from preseason.media import content, image
from preseason.media.frames import numbered
from preseason.media.stream import (
    SEEK_GAP_S,
    SOUND_SUFFIXES,
    Cursor,
    Pixels,
    Span,
    Turned,
    declared_s,
    decoded,
    has_pictures,
    opened,
    packet_times,
    quarter_turns,
    refuse_cut,
    seek,
    time_of,
)

if TYPE_CHECKING:
    from av import VideoFrame

KINDS = frozenset(
    {
        "MP4 or QuickTime video", "Matroska or WebM video", "AVI video", "Flash video", "GIF",
        "Windows Media video", "MPEG video", "MPEG transport stream video",
    }
)  # fmt: skip
SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".gif"})
SUFFIXES |= {".mpg", ".mpeg", ".flv", ".wmv", ".3gp", ".ogv"}
FOLDER_FPS = 25.0
"""Frames a second of a clip that is a folder of numbered pictures."""
UNEVEN = 1.75
"""Times of the usual gap between two frames from which on a clip counts as one of uneven rate."""


@dataclass(frozen=True)
class Facts:
    """What a video is.

    Attributes:
        duration_s: from the first frame's start to the last one's end, as the container declares it; 0 where
            it does not.
        fps: average frames a second; 0 where the container does not say.
        height, width: of a frame the right way up.
    """

    duration_s: float
    fps: float
    height: int
    width: int


def check(path: Path) -> str | None:
    """Why a file is no video, in plain words, or None if it looks like one; reads its head only."""
    try:
        head = content.read_head(path)
    except MediaError as error:
        return str(error)
    found = content.kind(head)
    if found in KINDS and path.suffix.lower() in SOUND_SUFFIXES and not has_pictures(path):
        return "a sound without pictures, not a video"
    if found in KINDS:
        return None
    if found == "empty file":
        return "0 bytes: the file is empty"
    if found is None:
        return "not a video: its content is of no known kind"
    saved = f" saved as {path.suffix.lower()}" if path.suffix.lower() in SUFFIXES else ""
    return f"{'an' if found[0] in 'aeioAEIO' else 'a'} {found}{saved}, not a video"


def facts(path: Path) -> Facts:
    """Duration, rate and size, without decoding more than the first frame.

    Raises:
        MediaError: no video, damaged, or without frames.
    """
    if path.is_dir():
        frames = numbered(path)
        height, width = image.size(frames[0][1])
        return Facts(len(frames) / FOLDER_FPS, FOLDER_FPS, height, width)
    with opened(path) as (container, stream):
        rate = float(stream.average_rate or 0)
        first = next(decoded(container, stream), None)
        if first is None:
            raise MediaError("a video without frames")
        height, width = (first.height, first.width)[:: -1 if quarter_turns(first) % 2 else 1]
        return Facts(declared_s(container, stream), rate, height, width)


def length_s(path: Path) -> float:
    """Seconds from the first frame to the end of the last, counted rather than believed.

    Raises:
        MediaError: no video, damaged or cut short.
    """
    shown = times(path)
    return (shown[-1] - shown[0]) * len(shown) / max(len(shown) - 1, 1)


def evenly(path: Path, count: int, span: Span | None = None, longest_side: int | None = None) -> Pixels:
    """`count` frames spread evenly in time from the first to the last of a clip: uint8 [count, h, w, 3].

    Frames are repeated where the clip has fewer, or where one stays on show for long.

    Args:
        span: start and end in seconds inside the file; None for the whole of it.
        longest_side: frames are filtered down, never up, to this many pixels.

    Raises:
        MediaError: no video, no frames in the span, damaged or cut short.
    """
    shown = times(path, span)
    if _is_even(shown):
        places = np.linspace(0, len(shown) - 1, count).round().astype(int)
        return at(path, [shown[i] for i in places], longest_side, shown[-1])
    return at(path, np.linspace(shown[0], shown[-1], count).tolist(), longest_side, shown[-1])


def _is_even(shown: Sequence[float]) -> bool:
    """Whether frames follow each other at one rate, so that counting them spreads them in time."""
    gaps = np.diff(shown)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    return bool(((gaps <= UNEVEN * usual) & (gaps * UNEVEN >= usual)).all())


def times(path: Path, span: Span | None = None) -> list[float]:
    """When the frames in the span are shown, rising; read from packets without decoding.

    Raises:
        MediaError: no video, no frames in the span, or cut short.
    """
    if path.is_dir():
        every = [i / FOLDER_FPS for i in range(len(numbered(path)))]
    else:
        with opened(path) as (container, stream):
            every = packet_times(container, stream, span)
            if span is None:
                refuse_cut(container, stream, every)
    found = every if span is None else _in_span(every, span)
    if not found:
        raise MediaError(
            "a video without frames" + ("" if span is None else f" from {span[0]} to {span[1]} s")
        )
    return found


def at(path: Path, times_s: Sequence[float], longest_side: int | None = None, last_s: float = 0.0) -> Pixels:
    """The frames shown at rising times: uint8 [n, h, w, 3]; the last one's where a time is beyond the end.

    Args:
        last_s: a time at which a frame is known to begin, whatever the header says of the end.

    Raises:
        MediaError: no video, no frames, or damaged where it is read.
    """
    if path.is_dir():
        return _from_folder(path, times_s, longest_side)
    with opened(path) as (container, stream):
        cursor, turned = Cursor(container, stream, last_s), Turned(longest_side)
        return np.stack([turned(cursor.at(target)) for target in times_s])


def stream(
    path: Path, rate: float, start_s: float = 0.0, longest_side: int | None = None
) -> Iterator[tuple[float, Pixels]]:
    """Frames on the grid of multiples of 1 / rate from `start_s` on, with their times; one is held at a time.

    A damaged stretch is passed over and its grid points get the frame before it.

    Raises:
        MediaError: no video, or not one frame can be decoded.
    """
    turned = Turned(longest_side)
    with opened(path, threads=True) as (container, video):
        step = int(np.ceil(start_s * rate - 1e-6))
        if start_s > SEEK_GAP_S:
            seek(container, video, start_s)
        last: VideoFrame | None = None
        for frame in decoded(container, video, forgiving=True):
            now = time_of(frame, video)
            while last is not None and step / rate < now - 1e-6:
                yield step / rate, turned(last)
                step += 1
            last = frame
        if last is None:
            raise MediaError("a video without frames that can be decoded")
        if step / rate < time_of(last, video) + 0.99 / float(video.average_rate or FOLDER_FPS):
            yield step / rate, turned(last)


def folder_content(folder: Path) -> bytes:
    """The content of a folder of frames, for its digest."""
    return b"".join(path.name.encode() + path.read_bytes() for _, path in numbered(folder))


def _in_span(every: Sequence[float], span: Span) -> list[float]:
    """Times at which frames come on show in a span; where the rate is uneven, its start and end as well.

    A frame that began before stays on show until the next one: of a screen that does not change there may be
    none that begins in the span.
    """
    start, end = span
    inside = [t for t in every if start - 1e-6 <= t < end]
    before, after = [t for t in every if t < start - 1e-6], [t for t in every if t >= end]
    if not before or (not inside and not after):
        return inside
    around = [before[-1], *inside, *after[:1]]
    usual = float(np.median(np.diff(every)))
    if inside and float(np.diff(around).max()) <= UNEVEN * usual:
        return inside
    first = [start] if not inside or inside[0] - start > UNEVEN * usual else []
    last = [end] if after and end - [start, *inside][-1] > UNEVEN * usual else []
    return [*first, *inside, *last]


def _from_folder(folder: Path, times_s: Sequence[float], longest_side: int | None) -> Pixels:
    frames = [path for _, path in numbered(folder)]
    if not frames:
        raise MediaError("a folder without numbered pictures")
    places = [min(int(t * FOLDER_FPS + 0.5), len(frames) - 1) for t in times_s]
    pictures = {place: image.decode(frames[place], longest_side) for place in sorted(set(places))}
    return np.stack([pictures[place] for place in places])
