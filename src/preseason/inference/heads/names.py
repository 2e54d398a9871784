"""A linear head on the last layer's mean at length 1."""

from dataclasses import dataclass

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers


@dataclass(frozen=True)
class NamesHead:
    """Linear logits of vectors of length 1.

    Attributes:
        span: first and one past the last column of a row that are read.
        weight, bias: float32 [d, c] and [c].
    """

    span: tuple[int, int]
    weight: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return self.embed(features) @ self.weight + self.bias

    def embed(self, features: Features) -> Floats:
        """The last layer's mean at length 1, float32 [n, d]."""
        return unit_rows(features.whole()[:, slice(*self.span)])

    def attention(self, features: Features) -> None:
        """It looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        return State("names", {"weight": self.weight, "bias": self.bias}, {"span": list(self.span)})


def restore(state: State, *_: object) -> NamesHead:
    """The head that gave `state`."""
    first, last = state.settings["span"]
    return NamesHead((first, last), state.arrays["weight"], state.arrays["bias"])


restorers.add("names", restore)
