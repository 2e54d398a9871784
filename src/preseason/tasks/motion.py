"""Motion in clips, described by histograms of optical flow beside the network that sees single frames."""

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.backbones.motion import MOTION, PAIRS, SIDES, MotionNetwork, motion_installed
from preseason.data.dataset import Sample
from preseason.engine.passes import FeatureSpec
from preseason.inference.candidates import Candidate
from preseason.inference.clip_pairs import pairs_fed
from preseason.tasks.companions import companions


class PairDecoder:
    """Pairs of neighbouring frames in their own aspect, all of about the same number of pixels."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        """uint8 [pairs, 2, h, w, 3], of a clip with a single frame [pairs, 1, h, w, 3].

        Raises:
            MediaError: no video, no frames, damaged or cut short.
        """
        return pairs_fed(sample.path, sample.span, spec)


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
