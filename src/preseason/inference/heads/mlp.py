"""One dense layer with ReLU and one for the classes, on the whole's features or its flattened map."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.scaling import Scale, arrays_of, scale_from
from preseason.arrays.types import Floats, Ints
from preseason.inference.features import Features
from preseason.inference.head import State, restorers

PARTS = ("weight", "bias")


@dataclass(frozen=True)
class MlpHead:
    """Dense 512, ReLU, dense classes, on the whole example's pooled features or its flattened map.

    Attributes:
        first, last: float32 weights [out, in] and biases [out] of the two layers.
    """

    scale: Scale
    first: tuple[Floats, Floats]
    last: tuple[Floats, Floats]

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return np.concatenate([self._logits(flat(features, chunk)) for chunk in features.chunks()])

    def embed(self, features: Features) -> Floats:
        """The frozen features, float32 [n, d]: members of one way share them."""
        return features.pooled()

    def attention(self, features: Features) -> None:
        """It looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        layers = {"0": self.first, "3": self.last}
        tensors = {
            f"network.{n}.{part}": a for n, own in layers.items() for part, a in zip(PARTS, own, strict=True)
        }
        return State("mlp", tensors | arrays_of(self.scale))

    def _logits(self, rows: Floats) -> Floats:
        hidden = np.maximum(self.scale(rows) @ self.first[0].T + self.first[1], 0)
        return np.asarray(hidden @ self.last[0].T + self.last[1], np.float32)


def flat(features: Features, chosen: Ints) -> Floats:
    """The whole's features [b, d]; a map [b, looks, c, h, w] is flattened."""
    rows = features.rows(0, chosen)[:, 0]
    return rows.reshape(len(rows), -1)


def restore(state: State, *_: object) -> MlpHead:
    """The head that gave `state`."""
    (first, last) = ([state.arrays[f"network.{n}.{part}"] for part in PARTS] for n in ("0", "3"))
    return MlpHead(scale_from(state.arrays), (first[0], first[1]), (last[0], last[1]))


restorers.add("mlp", restore)
