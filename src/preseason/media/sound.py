"""Sounds to waves: any container that PyAV reads, one channel, the rate that networks want.

A wave is float32 [samples] in -1..1. Times are seconds from the beginning of the file. A `MediaError` of
this module carries the bare reason, so that readers can put it beside the file's name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.errors import MediaError
from preseason.media import content
from preseason.media.mel import Wave
from preseason.media.stream import MIN_THERE, SOUND_SUFFIXES, Span, has_pictures

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import InputContainer

RATE = 16_000
"""Samples a second of every network of sounds that is known here."""
SUFFIXES = frozenset({".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".aac", ".amr", ".aiff", ".aif"})
SUFFIXES |= {".au", ".caf", ".wv", ".ac3"} | SOUND_SUFFIXES
CANCELLED = 0.25
"""Of the louder channel's energy: channels whose average has less cancel each other out (6 dB)."""
CACHED_S = 900.0
"""Files up to this long are decoded once for all of their spans."""
CACHED_BYTES = 256 * 2**20
"""Of the waves that are kept decoded, the latest: a fit looks at each sound twice and more."""
SEEK_S = 5.0
LATE_S = 0.02
CLIPPED, CLIPPED_SHARE = 0.999, 0.005
SILENT = 1e-4
PIECE_S = 1.0
# Streams of packets without an index: where a jump leads is guessed, and labels would be off.
_UNINDEXED = frozenset({"mp3", "aac", "amr", "amrnb", "amrwb", "ac3"})


_TURN = Lock()
_LATEST: dict[tuple[Path, int, int, int], Wave] = {}


@dataclass(frozen=True)
class Facts:
    """What a sound is.

    Attributes:
        duration_s: as the container declares it; 0 where it does not.
        rate: samples a second of the recording.
        channels: how many.
        codec: name of the coding, e.g. `mp3`.
    """

    duration_s: float
    rate: int
    channels: int
    codec: str


def check(path: Path) -> str | None:
    """Why a file is no sound, in plain words, or None if it is one; its head is read, not its whole."""
    try:
        head = content.read_head(path)
    except MediaError as error:
        return str(error)
    found = content.kind(head)
    if found == "empty file":
        return "0 bytes: the file is empty"
    if found is not None and found.endswith("sound"):
        return None
    if found is not None and "video" in found:
        return None if not has_pictures(path) else f"{_article(found)}, not a sound"
    if found is None:
        return _opened_reason(path)
    saved = f" saved as {path.suffix.lower()}" if path.suffix.lower() in SUFFIXES else ""
    return f"{_article(found)}{saved}, not a sound"


def check_head(head: bytes, name: str) -> str | None:
    """As `check`, of the first bytes of a file and its name alone; of no known kind, the name decides."""
    found = content.kind(head)
    if found == "empty file":
        return "0 bytes: the file is empty"
    suffix = Path(name).suffix.lower()
    if (found is not None and found.endswith("sound")) or (found is None and suffix in SUFFIXES):
        return None
    return (
        "not a sound: its content is of no known kind" if found is None else f"{_article(found)}, not a sound"
    )


def check_track(path: Path) -> str | None:
    """As `check`, but a video with a sound track is an example as well."""
    reason = check(path)
    if reason is None or not _is_video(path):
        return reason
    return None if _has_track(path) else "a video without a sound track"


def facts(path: Path | bytes) -> Facts:
    """Length, rate and coding, without decoding anything.

    Raises:
        MediaError: no sound, or damaged.
    """
    with opened(path) as (container, stream):
        return Facts(
            declared_s(container, stream), int(stream.rate or 0), stream.channels, stream.codec_context.name
        )


def length_s(path: Path | bytes) -> float:
    """Seconds of a sound; counted where the container does not say.

    Raises:
        MediaError: no sound, or damaged.
    """
    return facts(path).duration_s or len(read(path)) / RATE


def read(path: Path | bytes, span: Span | None = None, rate: int = RATE) -> Wave:
    """The wave of a file, or of its bytes, or of a span of it.

    Raises:
        MediaError: no sound, nothing in the span, damaged or cut short.
    """
    if span is None:
        return _whole(path, rate)
    declared = facts(path).duration_s
    if 0 < declared <= CACHED_S:
        whole = _whole(path, rate)
        found = whole[round(span[0] * rate) : round(span[1] * rate)]
    else:
        found = _part(path, span, rate)
    if not len(found):
        raise MediaError(f"a sound without anything from {span[0]} to {span[1]} s")
    return found


def stream(path: Path, rate: int = RATE, start_s: float = 0.0, piece_s: float = PIECE_S) -> Iterator[Wave]:
    """The wave from `start_s` on in pieces of `piece_s`, the last one shorter; one is held at a time.

    Damaged packets are passed over and are silent.

    Raises:
        MediaError: no sound, or nothing of it can be decoded.
    """
    size, held, count = round(piece_s * rate), [np.zeros((1, 0), np.float32)], 0
    with opened(path) as (container, track):
        for channels in _channels(container, track, rate, start_s, forgiving=True):
            held.append(channels)
            count += channels.shape[1]
            if count < size:
                continue
            joined = _joined(held)
            while joined.shape[1] >= size:
                yield mono(joined[:, :size])
                joined = joined[:, size:]
            held, count = [joined], joined.shape[1]
    if count:
        yield mono(_joined(held))


def mono(channels: NDArray[np.float32]) -> Wave:
    """One channel of [channels, samples]: their average, or the loudest where that would cancel them out."""
    if len(channels) == 1:
        return np.ascontiguousarray(channels[0])
    average = channels.mean(axis=0)
    energy = np.square(channels, dtype=np.float64).sum(axis=1)
    if np.square(average, dtype=np.float64).sum() < CANCELLED * energy.max():
        return np.ascontiguousarray(channels[int(energy.argmax())])
    return np.asarray(average, np.float32)


def fault_of(wave: Wave) -> str:
    """What is wrong with a wave that can be used all the same: silent or clipped; or empty."""
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < SILENT:
        return "silent"
    clipped = np.abs(wave) >= CLIPPED * max(peak, CLIPPED)
    runs = clipped[1:] & clipped[:-1]
    return "clipped: too loud for its recorder" if runs.mean() > CLIPPED_SHARE else ""


@contextmanager
def opened(path: Path | bytes) -> "Iterator[tuple[InputContainer, AudioStream]]":
    """The container and its first sound track; every failure of the decoder becomes MediaError."""
    import av

    try:
        file: Any = BytesIO(path) if isinstance(path, bytes) else str(path)
        with av.open(file, mode="r", metadata_errors="replace") as container:
            if not container.streams.audio:
                raise MediaError("a file without a sound track")
            yield container, container.streams.audio[0]
    except MediaError:
        raise
    except MemoryError:
        raise MediaError("too large to decode in this machine's memory") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(_failure(error)) from error


def declared_s(container: "InputContainer", stream: "AudioStream") -> float:
    """Duration in seconds as the container declares it, 0 where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / 1e6


def _whole(path: Path | bytes, rate: int) -> Wave:
    """The whole wave, decoded once while it is among the latest."""
    if isinstance(path, bytes):
        return _decoded(path, rate)
    key = (path, *_identity(path), rate)
    with _TURN:
        known = _LATEST.pop(key, None)
        if known is not None:
            _LATEST[key] = known
    if known is not None:
        return known
    found = _decoded(path, rate)
    with _TURN:
        _LATEST[key] = found
        held = sum(wave.nbytes for wave in _LATEST.values())
        while held > CACHED_BYTES and len(_LATEST) > 1:
            held -= _LATEST.pop(next(iter(_LATEST))).nbytes
    return found


def _decoded(path: Path | bytes, rate: int) -> Wave:
    with opened(path) as (container, track):
        pieces = list(_channels(container, track, rate, 0.0, forgiving=True))
        declared = declared_s(container, track)
    joined = _joined(pieces) if pieces else np.zeros((1, 0), np.float32)
    there = joined.shape[1] / rate
    if not joined.shape[1]:
        raise MediaError("a sound in which nothing can be decoded")
    if declared > 0.5 and there < MIN_THERE * declared:
        raise MediaError(f"cut short: {there:.1f} of {declared:.1f} s are there")
    found = mono(joined)
    found.setflags(write=False)
    return found


def _part(path: Path | bytes, span: Span, rate: int) -> Wave:
    wanted, found, count = round((span[1] - span[0]) * rate), [], 0
    with opened(path) as (container, track):
        for channels in _channels(container, track, rate, span[0], forgiving=True):
            found.append(channels)
            count += channels.shape[1]
            if count >= wanted:
                break
    return mono(_joined(found)[:, :wanted]) if found else np.zeros(0, np.float32)


def _channels(
    container: "InputContainer", track: "AudioStream", rate: int, start_s: float, forgiving: bool
) -> Iterator[NDArray[np.float32]]:
    """Channels [k, samples] at `rate` from a time on; silence where the track begins after the file does."""
    from av import AudioResampler

    resampler = AudioResampler(format="fltp", rate=rate)
    begin = _begins_s(container, track)
    jumped = start_s > SEEK_S and container.format.name not in _UNINDEXED
    if jumped:
        offset = round((start_s - 1.0 + begin[0]) / float(track.time_base or 1))
        container.seek(offset, stream=track, backward=True)
    skip: int | None = None
    for frame in _frames(container, track, forgiving):
        if skip is None:
            at = float(frame.time or 0.0) - begin[0] if jumped or begin[1] else 0.0
            skip = round((start_s - at) * rate)
        for made in resampler.resample(frame):
            skip, piece = _after(skip, _floats(made))
            if piece.shape[1]:
                yield piece
    for made in resampler.resample(None) if skip is not None else ():
        skip, piece = _after(skip or 0, _floats(made))
        if piece.shape[1]:
            yield piece


def _floats(frame: Any) -> NDArray[np.float32]:
    """Channels of a frame, float32 [k, samples]."""
    return np.asarray(frame.to_ndarray(), np.float32)


def _after(skip: int, channels: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
    """What is left to skip, and what of the channels lies behind it; less than nothing means silence."""
    if skip < 0:
        return 0, np.pad(channels, ((0, 0), (-skip, 0)))
    return max(0, skip - channels.shape[1]), channels[:, skip:]


def _begins_s(container: "InputContainer", track: "AudioStream") -> tuple[float, bool]:
    """When the file begins on the track's clock, and whether the track begins later than that."""
    own = float((track.start_time or 0) * (track.time_base or 1))
    if not container.streams.video:
        return own, False
    first = float(container.start_time or 0) / 1e6
    return first, own - first > LATE_S


def _frames(container: "InputContainer", track: "AudioStream", forgiving: bool) -> Iterator[Any]:
    import av

    for packet in container.demux(track):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            if not forgiving:
                raise


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Pieces one after the other; a track whose number of channels changes has that of most."""
    filled = [piece for piece in pieces if piece.shape[1]] or pieces[:1]
    most = max(len(piece) for piece in filled)
    return np.concatenate([np.broadcast_to(p, (most, p.shape[1])) if len(p) == 1 else p for p in filled], 1)


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise MediaError(content.opening_failure(error)) from None
    return status.st_size, status.st_mtime_ns


def _has_track(path: Path) -> bool:
    try:
        with opened(path):
            return True
    except MediaError:
        return False


def _is_video(path: Path) -> bool:
    return "video" in (content.kind(content.read_head(path)) or "")


def _opened_reason(path: Path) -> str | None:
    """None where a file of no known kind opens as a sound with a known length, as some MP3 files do."""
    if path.suffix.lower() not in SUFFIXES:
        return "not a sound: its content is of no known kind"
    try:
        facts(path)
    except MediaError as error:
        return f"not a sound: {error}"
    return None


def _article(found: str) -> str:
    return f"{'an' if found[0] in 'aeioAEIO' else 'a'} {found}"


def _failure(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if "moov" in str(getattr(error, "log", "")) or "End of file" in text:
        return "cut short: the file ends early"
    return f"damaged: it cannot be decoded ({text})"
