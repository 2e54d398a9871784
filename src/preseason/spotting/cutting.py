"""Clips cut out of a video without encoding them again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.data.actions import Action
from preseason.data.safe_names import folder_name
from preseason.errors import MediaError
from preseason.runtime.files import atomic_write

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

BEFORE_S, AFTER_S = 4.0, 4.0


def cut(match: Path, actions: Sequence[Action], folder: Path) -> Iterator[Path]:
    """Write a clip for each action, from four seconds before it to four after; gives each when complete.

    Pictures and sound are copied as they are, so a clip begins at the key frame before its start. Files are
    called by number, time and label, which `label_of` reads back.

    Raises:
        MediaError: the video cannot be read, or its streams do not fit into its own kind of file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, action in enumerate(actions, start=1):
        path = folder / f"{number:03}_{int(action.time_s):05}s_{folder_name(action.label)}{match.suffix}"
        _write(match, path, max(0.0, action.time_s - BEFORE_S), (action.end_s or action.time_s) + AFTER_S)
        yield path


def _write(match: Path, path: Path, start_s: float, end_s: float) -> None:
    import av

    try:
        with (
            atomic_write(path) as part,
            av.open(str(match)) as source,
            av.open(str(part), "w", format=_format(match)) as target,
        ):
            _copy(source, target, start_s, end_s)
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"{match.name} cannot be cut: {error}") from error


def _format(match: Path) -> str | None:
    """The container by its suffix; mp4 where the suffix says nothing."""
    return {".mkv": "matroska", ".webm": "webm", ".ts": "mpegts", ".avi": "avi", ".mov": "mov"}.get(
        match.suffix.lower(), "mp4"
    )


def _copy(source: "InputContainer", target: "OutputContainer", start_s: float, end_s: float) -> None:
    chosen: list[Any] = [*source.streams.video[:1], *source.streams.audio[:1]]
    copies = {stream.index: target.add_stream_from_template(stream) for stream in chosen}
    origin = {stream.index: stream.start_time or 0 for stream in chosen}
    video = chosen[0]
    source.seek(round(start_s / float(video.time_base)) + origin[video.index], stream=video, backward=True)
    first_s: float | None = None
    for packet in source.demux(chosen):
        if packet.dts is None or packet.pts is None:
            continue
        index, base = packet.stream.index, float(packet.time_base)
        now = (packet.pts - origin[index]) * base
        if first_s is None:
            if packet.stream is not video or not packet.is_keyframe:
                continue
            first_s = now
        if packet.stream is video and packet.is_keyframe and now > end_s:
            break
        if now < first_s or now > end_s + 1:
            continue
        shift = round(first_s / base) + origin[index]
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = copies[index]
        target.mux(packet)
