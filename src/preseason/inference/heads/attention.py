"""Gated attention over the parts of an example, applied: which parts count, and the answer they give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.inference.parts import Scales, rows_of

PREFIX = "network."
"""Of the tensors' names in a state."""
CHUNK = 32


@dataclass(frozen=True)
class AttentionHead:
    """A fitted attention head over the parts of one pass, or of several in a row.

    Attributes:
        tensors: float32, by the names they have in `preseason.heads.attention.AttentionNetwork`.
    """

    scales: Scales
    tensors: dict[str, Floats]

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return self._over(features, lambda parts: self._classified(_mean(*self.weigh(parts))))

    def embed(self, features: Features) -> Floats:
        """Scaled features averaged with the attention as weights, float32 [n, d]."""
        return self._over(features, lambda parts: _mean(parts, self.weigh(parts)[1]))

    def attention(self, features: Features) -> Floats:
        """Attention of each part, float32 [n, p]."""
        return self._over(features, lambda parts: self.weigh(parts)[1])

    def within(self, features: Features, masks: NDArray[np.bool_]) -> Floats:
        """Logits as if some parts were all there is, nothing run again: float32 [m, n, c].

        Half of the parts were left out at random in every step of training, so fewer parts are nothing new.

        Args:
            masks: bool [m, n, p] or [m, 1, p], parts that are seen; one at least of each example.
        """
        hidden = self._over(features, lambda parts: self.weigh(parts)[0])
        weights = np.maximum(self.attention(features), 1e-30) * masks
        weights /= weights.sum(axis=2, keepdims=True)
        return self._classified(np.einsum("mnp,nph->mnh", weights, hidden))

    def weigh(self, parts: Floats) -> tuple[Floats, Floats]:
        """Hidden vectors [n, p, h] of scaled parts [n, p, d], and attention [n, p] whose rows sum to 1."""
        hidden = np.maximum(self._dense("hidden.1", parts), 0)
        gate = 1 / (1 + np.exp(-self._dense("gate", hidden)))
        scores = (np.tanh(self._dense("content", hidden)) * gate) @ self.tensors["score.weight"][0]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, powers / powers.sum(axis=1, keepdims=True)

    def state(self) -> State:
        """Plain values."""
        tensors = {f"{PREFIX}{name}": tensor for name, tensor in self.tensors.items()}
        arrays: dict[str, NDArray[Any]] = {"mean": self.scales.mean, "deviation": self.scales.deviation}
        return State("attention", arrays | {"kinds": self.scales.kinds} | tensors)

    def _classified(self, mixed: Floats) -> Floats:
        return self._dense("classifier.1", mixed)

    def _dense(self, layer: str, x: Floats) -> Floats:
        weight, bias = self.tensors[f"{layer}.weight"], self.tensors[f"{layer}.bias"]
        flat = np.asarray(x.reshape(-1, x.shape[-1]), np.float32)
        return (flat @ weight.T + bias).reshape(*x.shape[:-1], len(bias))

    def _over(self, features: Features, function: Callable[[Floats], Floats]) -> Floats:
        every = np.arange(len(self.scales.kinds))
        chunks = features.chunks(CHUNK)
        return np.concatenate([function(self.scales(rows_of(features, chunk), every)) for chunk in chunks])


def _mean(parts: Floats, weights: Floats) -> Floats:
    """Parts [n, p, d] averaged with weights [n, p]: [n, d]."""
    return np.asarray((weights[:, None] @ parts)[:, 0], np.float32)


def restore(state: State, *_: object) -> AttentionHead:
    """The head that gave `state`."""
    tensors: dict[str, Any] = {
        name.removeprefix(PREFIX): array for name, array in state.arrays.items() if name.startswith(PREFIX)
    }
    return AttentionHead(Scales(*(state.arrays[name] for name in ("kinds", "mean", "deviation"))), tensors)


restorers.add("attention", restore)
