"""Boxes on frames of a video, cut out as pictures of their own, in one pass over the video."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from preseason.data.boxes import pixels_of
from preseason.media import video
from preseason.media.stream import Pixels
from preseason.spotting.video_boxes import FrameBoxes

LOOKS = 12
"""Boxes of a track that are looked at, at most."""
Place = tuple[int, int]
"""The place of a frame among those looked at, from 0, and that of a box on it."""


def cut_out(
    path: Path, frames: Sequence[FrameBoxes], fps: float, wanted: Collection[Place] | None = None
) -> Iterator[tuple[Place, Pixels]]:
    """Boxes as pictures uint8 [h, w, 3] in the video's own resolution, in the order of the frames.

    Args:
        path: the video.
        frames: all frames that were looked at, in order, `fps` a second from the beginning on.
        fps: frames a second.
        wanted: the boxes to cut out; None for all of them.

    Raises:
        MediaError: the video cannot be read.
    """
    last = len(frames) if wanted is None else max((frame for frame, _ in wanted), default=-1) + 1
    if last == 0:
        return
    for number, (_, pixels) in zip(range(last), video.stream(path, fps), strict=False):
        for at, box in enumerate(frames[number].boxes):
            if wanted is None or (number, at) in wanted:
                x0, y0, x1, y1 = pixels_of(box, pixels.shape[1], pixels.shape[0])
                yield (number, at), np.ascontiguousarray(pixels[y0:y1, x0:x1])


def largest_of_tracks(frames: Sequence[FrameBoxes], label: str | None = None) -> dict[Place, int]:
    """The boxes that stand for tracks, and the track of each: the largest of each of its parts.

    A track has up to `LOOKS` parts of equal length.

    Args:
        frames: in order.
        label: a class whose tracks count alone; None for all.
    """
    tracks: defaultdict[int, list[tuple[Place, float]]] = defaultdict(list)
    for number, frame in enumerate(frames):
        for at, box in enumerate(frame.boxes):
            track = getattr(box, "track", None)
            if track is not None and label in (None, box.label):
                tracks[track].append(((number, at), (box.x1 - box.x0) * (box.y1 - box.y0)))
    return {
        max((boxes[i] for i in part), key=lambda box: box[1])[0]: track
        for track, boxes in tracks.items()
        for part in np.array_split(np.arange(len(boxes)), min(LOOKS, len(boxes)))
    }
