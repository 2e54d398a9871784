"""Boxes of successive frames to tracks, class by class: ByteTrack (Zhang et al. 2022) of `trackers`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from preseason.data.boxes import FoundBox
from preseason.errors.packages import require
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox, WatchedVideo

if TYPE_CHECKING:
    from trackers import ByteTrackTracker

HIDDEN_S = 2.0
"""Seconds that a thing may be out of sight and keep its number."""
WEAK = 0.3
"""Share of a class's threshold from which on a box may carry a track on, though not begin one."""
MARGIN = 0.3
"""Share of a box by which it is enlarged on each side before overlaps count: things move far from one frame
to the next at a few frames a second (Yang et al. 2023, arXiv 2211.14317)."""


class Tracker:
    """Gives boxes of successive frames the numbers of their tracks, which are unique over all classes."""

    def __init__(self, thresholds: Mapping[str, float], fps: float) -> None:
        """Begin without tracks.

        Args:
            thresholds: of each class, the score from which on a box begins a track.
            fps: frames a second that are given.

        Raises:
            MissingPackageError: `trackers` is not installed.
        """
        require("Tracking", "trackers")
        self._thresholds = dict(thresholds)
        self._trackers = {label: _bytetrack(least, fps) for label, least in thresholds.items()}
        self._numbers: dict[tuple[str, int], int] = {}

    def update(self, boxes: Sequence[FoundBox], width: int, height: int) -> tuple[TrackedBox, ...]:
        """The boxes that count, the surest first, each with its track.

        These are those that reach the threshold of their class, and weaker ones that carry a track on. The
        first box of a track has no number yet: a track is what was seen on two successive frames.

        Args:
            boxes: of the next frame.
            width, height: of the frame in pixels.
        """
        found = [
            each
            for label in self._trackers
            for each in self._tracked(label, [box for box in boxes if box.label == label], (width, height))
        ]
        return tuple(sorted(found, key=lambda box: -box.score))

    def _tracked(self, label: str, boxes: list[FoundBox], size: tuple[int, int]) -> Iterator[TrackedBox]:
        from supervision import Detections

        least = self._thresholds[label]
        offered = [box for box in boxes if box.score >= WEAK * least]
        sides = np.array([*size, *size], np.float32)
        edges = np.array([[b.x0, b.y0, b.x1, b.y1] for b in offered], np.float32).reshape(-1, 4) * sides
        scores = np.array([box.score for box in offered], np.float64)
        given = Detections(xyxy=edges, confidence=scores, data={"place": np.arange(len(offered))})
        answer = self._trackers[label].update(given)
        places, identities = answer.data.get("place", ()), answer.tracker_id
        for place, identity in zip(places, () if identities is None else identities, strict=True):
            box, number = offered[int(place)], self._number(label, int(identity))
            if number is not None or box.score >= least:
                yield TrackedBox(box.label, box.score, box.x0, box.y0, box.x1, box.y1, number)

    def _number(self, label: str, identity: int) -> int | None:
        if identity < 0:
            return None
        return self._numbers.setdefault((label, identity), len(self._numbers) + 1)


def _bytetrack(threshold: float, fps: float) -> "ByteTrackTracker":
    from trackers import BIoU, ByteTrackTracker

    return ByteTrackTracker(
        lost_track_buffer=math.ceil(30 * HIDDEN_S),  # counted in frames of 30 a second, whatever the rate
        frame_rate=fps,
        track_activation_threshold=threshold,
        high_conf_det_threshold=threshold,
        iou=BIoU(MARGIN),
    )


def tracked(video: WatchedVideo) -> Iterator[FrameBoxes]:
    """The frames of a video in order, their boxes with the numbers of their tracks.

    Raises:
        MissingPackageError: `trackers` is not installed.
    """
    tracker = Tracker(video.thresholds, video.fps)
    for number in range(len(video)):
        boxes = tracker.update(video.boxes(number), video.width, video.height)
        yield video.frame(number, boxes)
