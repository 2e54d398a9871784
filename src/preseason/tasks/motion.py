"""Motion in clips, described by histograms of optical flow beside the network that sees single frames."""

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.backbones.motion import MOTION, PAIRS, SIDES, MotionNetwork, motion_installed
from preseason.data.dataset import Sample
from preseason.engine.passes import FeatureSpec
from preseason.inference.candidates import Candidate
from preseason.inference.pictures import cut_out
from preseason.media.frame_pairs import in_pairs
from preseason.tasks.companions import companions

NARROWEST = 0.25
"""Frames whose sides differ by more than this ratio are squeezed to it."""


class PairDecoder:
    """Pairs of neighbouring frames in their own aspect, all of about the same number of pixels."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        """uint8 [pairs, 2, h, w, 3], of a clip with a single frame [pairs, 1, h, w, 3].

        Raises:
            MediaError: no video, no frames, damaged or cut short.
        """
        frames, places = in_pairs(sample.path, spec.frames, sample.span, 2 * max(spec.shape))
        shape = shape_of(frames.shape[1], frames.shape[2], spec.shape[0] * spec.shape[1])
        (box,) = spec.crops
        return np.stack([cut_out(frame, box, shape) for frame in frames])[places]


def shape_of(height: int, width: int, pixels: int) -> tuple[int, int]:
    """Height and width of about so many pixels together, in the aspect of `height` x `width`."""
    aspect = float(np.clip(width / height, NARROWEST, 1 / NARROWEST))
    return round(np.sqrt(pixels / aspect)), round(np.sqrt(pixels * aspect))


class Motion:
    """The companion `motion`, of nearly every clip: one in two must have a second frame."""

    name = MOTION
    tasks: tuple[str, ...] = ("clips",)
    thing = "a second frame"
    least = 0.5
    seconds_each = 0.1

    def installed(self) -> bool:
        """Whether the extra is."""
        return motion_installed()

    def source(self, weights_id: str | None = None) -> MotionNetwork:
        """What describes motion."""
        return MotionNetwork(weights_id)

    def decoder(self) -> PairDecoder:
        """Clips as pairs of frames."""
        return PairDecoder()

    def candidates(self) -> tuple[Candidate, ...]:
        """A linear head on the clip's motion."""
        spec = FeatureSpec(SIDES[1], frames=PAIRS, height=SIDES[0])
        return (Candidate(MOTION, "abstaining", spec, network=MOTION, partial=True, always=True),)

    def speaks(self, rows: Floats) -> NDArray[np.bool_]:
        """Bool [n]: whether there is more than a single frame."""
        return np.asarray(rows.any(axis=(1, 2)))


companions.add(MOTION, Motion())
