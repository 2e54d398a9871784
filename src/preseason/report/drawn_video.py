"""A video with what was found drawn on its frames."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from preseason.errors import MediaError, UsageError
from preseason.media import video
from preseason.media.stream import Pixels
from preseason.report.drawn import draw_boxes
from preseason.results import PictureBoxes
from preseason.runtime.files import atomic_write

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

LONGEST = 1280
"""Pixels of the longer side that are written at most."""
CODECS = ("libx264", "mpeg4")
"""The first one that this build of FFmpeg can write."""


def write_drawn_video(
    source: Path, frames: Iterable[PictureBoxes], labels: Sequence[str], fps: float, target: Path
) -> None:
    """An MP4 of the frames that were looked at, with their boxes; complete or not there at all.

    Args:
        frames: in order, `fps` a second from the beginning of the video on.

    Raises:
        UsageError: the file cannot be written.
        MediaError: the video cannot be read any more.
    """
    from PIL import Image

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _writer(target, fps) as write:
            shown = video.stream(source, fps, longest_side=LONGEST)
            for (_, pixels), found in zip(shown, frames, strict=True):
                picture = Image.fromarray(pixels)
                draw_boxes(picture, found.boxes, labels)
                write.add(np.asarray(picture))
    except OSError as error:
        raise UsageError(f"--draw {target} cannot be written: {error.strerror or error}.") from error


class _Writer:
    """Pictures into the one video stream of a container."""

    def __init__(self, container: "OutputContainer", fps: float) -> None:
        import av

        names = [name for name in CODECS if name in av.codecs_available]
        if not names:
            raise MediaError(f"this build of FFmpeg writes none of {', '.join(CODECS)}")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._container = container
        self._stream = cast("VideoStream", container.add_stream(names[0], rate=self._rate))
        self._stream.pix_fmt = "yuv420p"
        self._count = 0

    def add(self, picture: Pixels) -> None:
        """The next picture, uint8 [h, w, 3]; both codecs want even sides."""
        import av

        even = np.ascontiguousarray(picture[: picture.shape[0] & ~1, : picture.shape[1] & ~1])
        if self._count == 0:
            self._stream.height, self._stream.width = even.shape[:2]
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """What the encoder still holds."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def _writer(target: Path, fps: float) -> Iterator[_Writer]:
    import av

    with atomic_write(target) as part, av.open(str(part), "w", format="mp4") as container:
        writer = _Writer(container, fps)
        yield writer
        writer.finish()
