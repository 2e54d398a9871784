"""How unlike every known class an example is: scores of fitted measures, n references and m examples."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.rows import unit_rows
from preseason.arrays.types import Floats
from preseason.inference.probabilities import softmax

SCORES = ("neighbours", "mahalanobis", "energy", "max-softmax")
NEEDS_LOGITS = ("energy", "max-softmax")
CHUNK = 1024


@dataclass(frozen=True)
class UnknownScorer:
    """A fitted measure of unlikeness; larger is stranger.

    Attributes:
        kind: one of `SCORES`.
        arrays: what the kind needs to know of the references; empty for scores of the logits.
    """

    kind: str
    arrays: dict[str, Floats] = field(default_factory=dict)

    def distance(self, embeddings: Floats, logits: Floats | None = None) -> Floats:
        """float32 [m] unlikeness of embeddings [m, d] with head outputs `logits` [m, c].

        Raises:
            ValueError: this kind reads logits and none were given.
        """
        if self.kind in NEEDS_LOGITS:
            if logits is None:
                raise ValueError(f"the score {self.kind!r} needs the head's logits [m, c], received None")
            return _of_logits(self.kind, logits)
        if len(embeddings) == 0:
            return np.zeros(0, np.float32)
        score = _neighbour_distance if self.kind == "neighbours" else _mahalanobis_distance
        chunks = [embeddings[start : start + CHUNK] for start in range(0, len(embeddings), CHUNK)]
        return np.concatenate([score(self.arrays, np.asarray(chunk, np.float32)) for chunk in chunks])

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays to store; `from_state` makes the same scorer of them."""
        return {"kind": np.frombuffer(self.kind.encode(), np.uint8).copy(), **self.arrays}

    @classmethod
    def from_state(cls, state: dict[str, NDArray[Any]]) -> "UnknownScorer":
        """The scorer whose `state` this is.

        Raises:
            ValueError: the state names a score that does not exist.
        """
        kind = bytes(state["kind"].astype(np.uint8)).decode("ascii", "replace")
        if kind not in SCORES:
            raise ValueError(f"{kind!r} is no score of strangers: expected one of {', '.join(SCORES)}")
        return cls(kind, {key: np.asarray(a, np.float32) for key, a in state.items() if key != "kind"})


def _of_logits(kind: str, logits: Floats) -> Floats:
    if kind == "max-softmax":
        return np.asarray(1 - softmax(logits).max(axis=1), np.float32)
    peak = logits.max(axis=1)
    return np.asarray(-peak - np.log(np.exp(logits - peak[:, None]).sum(axis=1)), np.float32)


def _neighbour_distance(arrays: dict[str, Floats], embeddings: Floats) -> Floats:
    likeness = unit_rows(embeddings - arrays["centre"]) @ arrays["references"].T
    place = likeness.shape[1] - int(arrays["neighbours"][0])
    return np.asarray(1 - np.partition(likeness, place, axis=1)[:, place], np.float32)


def _mahalanobis_distance(arrays: dict[str, Floats], embeddings: Floats) -> Floats:
    rows = (embeddings - arrays["centre"]) @ arrays["whiten"]
    means = arrays["means"]
    # Kernels of some processors compute on padding and report its NaNs; the product itself has none.
    with np.errstate(invalid="ignore"):
        products = rows @ means.T
    square = (rows**2).sum(axis=1)[:, None] - 2 * products + (means**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square, 0).min(axis=1)), np.float32)
