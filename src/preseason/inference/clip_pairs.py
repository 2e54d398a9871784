"""What of a clip is fed to what describes motion: pairs of neighbouring frames."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.engine.passes import FeatureSpec
from preseason.inference.pictures import cut_out
from preseason.media.frame_pairs import in_pairs
from preseason.media.stream import Span

NARROWEST = 0.25
"""Frames whose sides differ by more than this ratio are squeezed to it."""


def pairs_fed(path: Path, span: Span | None, spec: FeatureSpec) -> NDArray[np.uint8]:
    """Pairs of frames in their own aspect, all of about the same number of pixels.

    Args:
        span: seconds of the video that are the clip; None for all of it.

    Returns:
        uint8 RGB [pairs, 2, h, w, 3], of a clip with a single frame [pairs, 1, h, w, 3].

    Raises:
        MediaError: no video, no frames, damaged or cut short.
    """
    frames, places = in_pairs(path, spec.frames, span, 2 * max(spec.shape))
    shape = shape_of(frames.shape[1], frames.shape[2], spec.shape[0] * spec.shape[1])
    (box,) = spec.crops
    return np.stack([cut_out(frame, box, shape) for frame in frames])[places]


def shape_of(height: int, width: int, pixels: int) -> tuple[int, int]:
    """Height and width of about so many pixels together, in the aspect of `height` x `width`."""
    aspect = float(np.clip(width / height, NARROWEST, 1 / NARROWEST))
    return round(np.sqrt(pixels / aspect)), round(np.sqrt(pixels * aspect))
