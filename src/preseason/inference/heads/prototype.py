"""Nearest class mean: cosine similarity to each class."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.rows import unit_rows
from preseason.arrays.scaling import ROWS, Scale, arrays_of, scale_from
from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers

SHARPNESS = 20.0
"""Logits per unit of cosine similarity, before calibration."""


@dataclass(frozen=True)
class PrototypeHead:
    """Cosine similarity to each class's mean direction.

    Attributes:
        means: float32 [c, d], of length 1.
    """

    scale: Scale
    means: Floats

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        said = np.empty((len(features), len(self.means)), np.float32)
        for chunk, piece in zip(features.chunks(ROWS), features.pieces(ROWS), strict=True):
            said[chunk] = SHARPNESS * self.embed(piece) @ self.means.T
        return said

    def embed(self, features: Features) -> Floats:
        """Scaled features of length 1, float32 [n, d]."""
        return unit_rows(self.scale(features.whole()))

    def attention(self, features: Features) -> None:
        """A prototype head looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        return State("prototype", {"means": self.means} | arrays_of(self.scale))


def restore(state: State, *_: object) -> PrototypeHead:
    """The head that gave `state`."""
    return PrototypeHead(scale_from(state.arrays), state.arrays["means"])


restorers.add("prototype", restore)
