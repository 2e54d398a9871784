"""A linear head that abstains from examples in which there was nothing to read: their rows are zeros."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.scaling import arrays_of, scale_from
from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.inference.heads.linear import LinearHead


@dataclass(frozen=True)
class AbstainingHead:
    """Linear logits; zeros, which favour no class, where the row is zeros.

    Attributes:
        linear: what answers the others.
    """

    linear: LinearHead

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return np.asarray(self.linear.logits(features) * _there(features), np.float32)

    def embed(self, features: Features) -> Floats:
        """The scaled rows, float32 [n, d]; zeros where the row is zeros."""
        return np.asarray(self.linear.embed(features) * _there(features), np.float32)

    def attention(self, features: Features) -> None:
        """It looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        arrays = {"weight": self.linear.weight, "bias": self.linear.bias}
        return State("abstaining", arrays | arrays_of(self.linear.scale))


def _there(features: Features) -> Floats:
    return np.asarray(features.whole().any(axis=1, keepdims=True), np.float32)


def restore(state: State, *_: object) -> AbstainingHead:
    """The head that gave `state`."""
    return AbstainingHead(LinearHead(scale_from(state.arrays), state.arrays["weight"], state.arrays["bias"]))


restorers.add("abstaining", restore)
