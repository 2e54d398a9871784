"""Nearest class mean (Mensink et al. 2013): needs no training and takes new classes as they come."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.scaling import ROWS, Scale, arrays_of, scale_from, scale_over
from preseason.arrays.types import Floats
from preseason.backbones.base import Backbone
from preseason.heads.base import Features, State, TrainingSet, heads

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
        return unit(self.scale(features.whole()))

    def attention(self, features: Features) -> None:
        """A prototype head looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        return State("prototype", {"means": self.means} | arrays_of(self.scale))


class Prototype:
    """Fits `PrototypeHead`."""

    def fit(self, training_set: TrainingSet) -> PrototypeHead:
        """The mean direction of each class; zero for a class without examples."""
        features = training_set.features
        scale = scale_over(lambda: features.wholes(ROWS))
        sums = np.zeros((training_set.classes, features.sources[0].shape[-1]), np.float32)
        for chunk, rows in zip(features.chunks(ROWS), features.wholes(ROWS), strict=True):
            np.add.at(sums, training_set.targets[chunk], unit(scale(rows)))
        return PrototypeHead(scale, unit(sums))

    def restore(self, state: State, backbone: Backbone) -> PrototypeHead:
        """The head that gave `state`."""
        return PrototypeHead(scale_from(state.arrays), state.arrays["means"])


def unit(x: Floats) -> Floats:
    """Rows [n, d] scaled to length 1; zero rows stay zero."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    scaled: Floats = x / np.maximum(length, 1e-12)
    return scaled


heads.add("prototype", Prototype())
