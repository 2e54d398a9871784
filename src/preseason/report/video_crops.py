"""What was found in a video, cut out as pictures that a fit of photos reads."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from preseason.data.safe_names import folder_names
from preseason.errors import UsageError
from preseason.report.box_files import QUALITY
from preseason.spotting.cut_out import cut_out
from preseason.spotting.video_boxes import FrameBoxes


def write_video_crops(path: Path, frames: Sequence[FrameBoxes], fps: float, folder: Path) -> list[Path]:
    """Each box of each frame as a JPEG, in a folder for its class; gives the files in order.

    A name has the video's, the track where there is one, the frame, and the place of the box on it, so that
    pictures of one track follow each other: `match-track0007-frame000123-1.jpg`.

    Raises:
        UsageError: the folder cannot be written.
        MediaError: the video cannot be read any more.
    """
    names = folder_names(dict.fromkeys(box.label for frame in frames for box in frame.boxes))
    written: list[Path] = []
    try:
        for (number, at), pixels in cut_out(path, frames, fps):
            box = frames[number].boxes[at]
            target = _free(folder / names[box.label], _stem(path, frames[number], at))
            Image.fromarray(pixels).save(target, "JPEG", quality=QUALITY)
            written.append(target)
    except OSError as error:
        raise UsageError(f"--crops {folder} cannot be written: {error.strerror or error}.") from error
    return written


def _stem(path: Path, frame: FrameBoxes, at: int) -> str:
    track = getattr(frame.boxes[at], "track", None)
    followed = "" if track is None else f"-track{track:04}"
    return f"{path.stem}{followed}-frame{frame.frame:06}-{at + 1}"


def _free(folder: Path, stem: str) -> Path:
    """A name that is not there: videos of two folders may be called the same."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (folder / (f"{stem}.jpg" if n == 1 else f"{stem}-{n}.jpg") for n in range(1, 10_000))
    return next(path for path in names if not path.exists())
