"""Small videos for tests: frame i of a movie is grey level 10 + 8 i with a white left half when asked."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FPS = 25


def level(frame: NDArray[np.uint8]) -> int:
    """The number of a frame, read from its grey level at the lower right."""
    return round((float(frame[-8:, -8:].mean()) - 10) / 8)


def picture(number: int, height: int = 48, width: int = 64, marked: bool = False) -> NDArray[np.uint8]:
    """Frame `number`; marked ones have a white upper left corner."""
    shown = np.full((height, width, 3), 10 + 8 * number, np.uint8)
    if marked:
        shown[: height // 2, : width // 2] = 255
    return shown


def write(
    path: Path,
    pictures: Sequence[NDArray[np.uint8]],
    codec: str = "libx264",
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode pictures at 25 a second, or at the times given (milliseconds exact)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = {"gif": "rgb8", "mpeg4": "yuv420p"}.get(codec, "yuv420p")
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, shown in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            seconds = number / FPS if times is None else times[number]
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turned(path: Path) -> Path:
    """Mark an MP4 to be shown turned by 90 degrees clockwise, as phones do."""
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    matrix = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]
    packed = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content[:place] + packed + content[place + 36 :])
    return path
