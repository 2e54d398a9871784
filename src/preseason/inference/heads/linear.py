"""A linear head: logistic regression on the features of the whole example."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.scaling import ROWS, Scale, arrays_of, scale_from
from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers


@dataclass(frozen=True)
class LinearHead:
    """Linear logits of the whole example.

    Attributes:
        scale: of the features.
        weight, bias: float32 [d, c] and [c].
    """

    scale: Scale
    weight: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        said = np.empty((len(features), len(self.bias)), np.float32)
        for chunk, piece in zip(features.chunks(ROWS), features.pieces(ROWS), strict=True):
            said[chunk] = self.embed(piece) @ self.weight + self.bias
        return said

    def embed(self, features: Features) -> Floats:
        """The scaled features, float32 [n, d]."""
        return self.scale(features.whole())

    def attention(self, features: Features) -> None:
        """A linear head looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        arrays = {"weight": self.weight, "bias": self.bias}
        return State("linear", arrays | arrays_of(self.scale))


def restore(state: State, *_: object) -> LinearHead:
    """The head that gave `state`."""
    return LinearHead(scale_from(state.arrays), state.arrays["weight"], state.arrays["bias"])


restorers.add("linear", restore)
