"""Faces of people on photos, read by a network of their own beside the one of whole photos."""

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.backbones.faces import FACES, SIDE, FaceNetwork, faces_installed
from preseason.data.dataset import Sample
from preseason.engine.faces import PLACE
from preseason.engine.passes import FeatureSpec
from preseason.heads.best_part import BestPartConfig
from preseason.inference.candidates import Candidate
from preseason.inference.pictures import cut_out
from preseason.media.image import decode
from preseason.tasks.companions import companions

ENLARGED = 2.0
"""How many times as large as it is a small photo may be shown: faces under 80 pixels are not found."""


class FaceDecoder:
    """The photo in its own shape, its longer side `SIDE` pixels long where it is not much smaller."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        """uint8 [1, h, w, 3].

        Raises:
            MediaError: it cannot be decoded.
        """
        picture, (box,) = decode(sample.media, SIDE, spec.white), spec.crops
        height, width = picture.shape[0] * (box.y1 - box.y0), picture.shape[1] * abs(box.x1 - box.x0)
        times = min(ENLARGED, SIDE / max(height, width, 1))
        return cut_out(picture, box, (max(1, round(height * times)), max(1, round(width * times))))[None]


class Faces:
    """The companion `faces`: at least a fifth of the photos must show one, else the time is better spent."""

    name = FACES
    tasks: tuple[str, ...] = ("photos",)
    thing = "a face"
    least = 0.2
    seconds_each = 0.12

    def installed(self) -> bool:
        """Whether the extra is."""
        return faces_installed()

    def source(self, weights_id: str | None = None) -> FaceNetwork:
        """The network of faces."""
        return FaceNetwork(weights_id)

    def decoder(self) -> FaceDecoder:
        """Photos in their own shape."""
        return FaceDecoder()

    def candidates(self) -> tuple[Candidate, ...]:
        """A linear head on the face that counts."""
        config = BestPartConfig(places=PLACE)
        spec = FeatureSpec(SIDE)
        return (Candidate(FACES, "best_part", spec, config=config, network=FACES, partial=True, always=True),)

    def speaks(self, rows: Floats) -> NDArray[np.bool_]:
        """Bool [n]: whether there is a face."""
        return np.asarray(rows.any(axis=(1, 2)))


companions.add(FACES, Faces())
