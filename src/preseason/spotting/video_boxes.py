"""Things found on the frames of a video: one pass in bounded memory that goes on where it was stopped."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox
from preseason.data.dataset import File, Sample
from preseason.engine.upkeep import WALKS
from preseason.errors import MediaError, UsageError
from preseason.inference.detection.peaks import MOST
from preseason.media import content, video
from preseason.media.stream import Pixels, has_pictures
from preseason.models.detector import Detector
from preseason.results import PictureBoxes
from preseason.runtime.progress import Progress
from preseason.spotting.scan import Rows, VideoScan

FPS = 5.0
"""Frames a second that are looked at, where nobody says otherwise."""
MOST_FPS = 120.0
_COLUMNS = 6
"""Of a box as it is kept: class, calibrated score, x0 y0 x1 y1; class -1 fills up."""


@dataclass(frozen=True)
class TrackedBox(FoundBox):
    """A thing on a frame.

    Attributes:
        track: number of the track it belongs to, from 1; None where it belongs to none.
        team: of its track, from 1, and 0 for none of them; None where nobody asked, or without a track.
        place_m: metres on the pitch at which it stands; None where nobody asked, or above the horizon.
    """

    track: int | None = None
    team: int | None = None
    place_m: tuple[float, float] | None = None


@dataclass(frozen=True)
class FrameBoxes(PictureBoxes):
    """What was found on a frame of a video.

    Attributes:
        frame: its number among those looked at, from 1.
        time_s: seconds from the beginning of the video.
    """

    frame: int = 1
    time_s: float = 0.0

    def rows(self) -> list[dict[str, Any]]:
        """A row of a table for each box: a picture's columns, frame and time, track, team and place."""
        when = {"frame": self.frame, "time_s": self.time_s}
        return [row | when | _of_track(box) for row, box in zip(super().rows(), self.boxes, strict=True)]


def _of_track(box: FoundBox) -> dict[str, Any]:
    tracked = box if isinstance(box, TrackedBox) else TrackedBox(box.label, box.score, 0, 0, 0, 0)
    x, y = tracked.place_m or (None, None)
    return {"track": tracked.track, "team": tracked.team, "pitch_x": x, "pitch_y": y}


@dataclass(frozen=True)
class WatchedVideo:
    """Everything found on a video, mapped from the disk.

    Attributes:
        fps: frames a second that were looked at.
        height, width: of a frame, in pixels.
        found: float32 [s, MOST, 6], the frames' boxes, the surest first.
    """

    path: Path
    fps: float
    height: int
    width: int
    found: Floats
    labels: tuple[str, ...]
    thresholds: dict[str, float]

    def __len__(self) -> int:
        return len(self.found)

    def frames(self) -> Iterator[FrameBoxes]:
        """Frames in order, with the boxes whose score reaches the threshold of their class."""
        for number in range(len(self)):
            kept = [box for box in self.boxes(number) if box.score >= self.thresholds[box.label]]
            yield self.frame(number, kept)

    def boxes(self, number: int) -> list[FoundBox]:
        """Every box of a frame (from 0), those below the thresholds included."""
        rows = np.asarray(self.found[number])
        return [
            FoundBox(self.labels[int(row[0])], *(float(value) for value in row[1:]))
            for row in rows[rows[:, 0] >= 0]
        ]

    def frame(self, number: int, boxes: Sequence[FoundBox]) -> FrameBoxes:
        """Boxes as those of a frame (from 0)."""
        return FrameBoxes(
            str(self.path), self.width, self.height, tuple(boxes), number + 1, round(number / self.fps, 3)
        )


def is_video(path: Path) -> bool:
    """Whether a file holds moving pictures; a GIF is taken for a picture."""
    if not path.is_file():
        return False
    try:
        return content.kind(content.read_head(path)) in video.KINDS - {"GIF"} and has_pictures(path)
    except MediaError:
        return False


def watch(model: Detector, path: Path, progress: Progress, fps: float = FPS) -> WatchedVideo:
    """What a detector finds on a video, frame by frame.

    Finished stretches lie in the cache, so a run that was stopped goes on, and a second one reads them only.

    Args:
        fps: frames a second to look at; a video with fewer has some looked at twice.

    Raises:
        UsageError: `fps` is out of range.
        MediaError: the video cannot be decoded.
    """
    if not 0 < fps <= MOST_FPS:
        raise UsageError(f"received {fps:g} frames a second, expected more than 0 and at most {MOST_FPS:g}.")
    facts = video.facts(path)
    folder = model.extractors.cache / WALKS / _key(model, path, fps)
    scan = VideoScan(path, fps, 0, 0, model.finder.plan.longest, folder)
    found = scan.run(
        lambda frames: _rows(model, frames), lambda rows: rows["boxes"], progress, f"watching {path.name}"
    )
    thresholds = dict(zip(model.labels, model.calibration.thresholds.tolist(), strict=True))
    return WatchedVideo(path, fps, facts.height, facts.width, found, model.labels, thresholds)


def _rows(model: Detector, frames: Sequence[Pixels]) -> Rows:
    """The boxes of frames, float32 [frames, MOST, 6]."""
    rows = np.full((len(frames), MOST, _COLUMNS), -1, np.float32)
    for row, found in zip(rows, model.finder.find(frames), strict=True):
        scores = model.calibration.apply(found.scores, found.labels)
        order = np.argsort(-scores, kind="stable")
        row[: len(order)] = np.column_stack([found.labels, scores, found.boxes])[order]
    return {"boxes": rows}


def _key(model: Detector, path: Path, fps: float) -> str:
    """Names the result by the video's content, the model and the rate."""
    digest = hashlib.blake2b(model.job.fingerprint(Sample(File(path))).encode(), digest_size=16)
    digest.update(f"boxes {fps:.6f} {model.labels} {model.finder.identity()}".encode())
    for values in (model.calibration.raw, model.calibration.right):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
