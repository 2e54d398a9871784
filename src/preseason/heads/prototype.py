"""Nearest class mean (Mensink et al. 2013): needs no training and takes new classes as they come."""

from dataclasses import dataclass

import numpy as np

from preseason.backbones.base import Backbone
from preseason.heads.base import Features, Lesson, State, kinds
from preseason.heads.scaling import Scale, arrays_of, scale_from, scale_of
from preseason.record import Floats

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
        return np.asarray(SHARPNESS * self.embed(features) @ self.means.T, np.float32)

    def embed(self, features: Features) -> Floats:
        """Scaled features of length 1, float32 [n, d]."""
        return unit(self.scale(features.whole()))

    def focus(self, features: Features) -> None:
        """A prototype head looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        return State("prototype", {"means": self.means} | arrays_of(self.scale))


class Prototype:
    """Fits `PrototypeHead`."""

    def fit(self, lesson: Lesson) -> PrototypeHead:
        """The mean direction of each class."""
        rows = lesson.features.whole()
        scale = scale_of(rows)
        return PrototypeHead(scale, class_means(unit(scale(rows)), lesson.targets, lesson.classes))

    def restore(self, state: State, backbone: Backbone) -> PrototypeHead:
        """The head that gave `state`."""
        return PrototypeHead(scale_from(state.arrays), state.arrays["means"])


def class_means(embeddings: Floats, targets: np.ndarray, classes: int) -> Floats:
    """Mean directions float32 [c, d], of length 1; zero for a class without examples."""
    sums = np.zeros((classes, embeddings.shape[1]), np.float32)
    np.add.at(sums, targets, embeddings)
    return unit(sums)


def unit(x: Floats) -> Floats:
    """Rows [n, d] scaled to length 1; zero rows stay zero."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    scaled: Floats = x / np.maximum(length, 1e-12)
    return scaled


kinds.add("prototype", Prototype())
