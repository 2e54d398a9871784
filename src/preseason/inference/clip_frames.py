"""What of a clip is fed to a network: frames spread over it, or runs of them, cut into looks."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.engine.passes import FeatureSpec
from preseason.inference.pictures import cut_out
from preseason.media import video
from preseason.media.stream import Span

MAX_SIDE = 640


def frames_fed(path: Path, span: Span | None, spec: FeatureSpec, run: int) -> NDArray[np.uint8]:
    """Looks of a clip as a pass feeds them.

    Args:
        span: seconds of the video that are the clip; None for all of it.
        run: frames of a video network's input, 0 for networks of pictures.

    Returns:
        uint8 RGB [moments x looks, h, w, 3], for video networks [moments x looks, t, h, w, 3].

    Raises:
        MediaError: no video, no frames, damaged or cut short.
    """
    count = spec.frames * max(run, 1)
    side = min(MAX_SIDE, round(1.5 * max(spec.shape) / min(abs(b.x1 - b.x0) for b in spec.crops)))
    frames = _frames(path, span, spec, count, side)
    cut = np.stack([[cut_out(frame, box, spec.shape) for box in spec.crops] for frame in frames])
    if not run:
        return cut.reshape(-1, *cut.shape[2:])
    runs = cut.reshape(spec.frames, run, len(spec.crops), *cut.shape[2:])
    return runs.swapaxes(1, 2).reshape(-1, run, *cut.shape[2:])


def _frames(path: Path, span: Span | None, spec: FeatureSpec, count: int, side: int) -> NDArray[np.uint8]:
    if not spec.rate:
        return video.evenly(
            path, count, span if spec.middle == 1 else _middle_of(path, span, spec.middle), side
        )
    start = span[0] if span else 0.0
    return video.at(path, [start + i / spec.rate for i in range(count)], side)


def _middle_of(path: Path, span: Span | None, share: float) -> Span:
    """Start and end in seconds of the middle of a clip."""
    start, end = span or (0.0, video.length_s(path))
    cut = (1 - share) / 2 * (end - start)
    return start + cut, end - cut
