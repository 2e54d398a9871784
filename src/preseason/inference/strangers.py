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


@dataclass(frozen=True)
class PartEvidence:
    """How unlike the known ones a part is that some examples show, such as a face; joined with another score.

    Attributes:
        references: float32 [n, d], the part of each known example; zeros where it shows none.
        nearest: a part is as far as its `nearest`-th nearest reference.
        weights: float32 [5] of the joined score: with a part its intercept, and the slopes of the part's
            distance and of the other score; without one its intercept and the slope of the other score.
    """

    references: Floats
    nearest: int
    weights: Floats

    def distance(self, parts: Floats) -> Floats:
        """Float32 [m], Euclidean, of parts [m, d] from the references; 0 where there is no part."""
        known = self.references[self.references.any(axis=1)]
        return part_distance(known, parts, self.nearest)

    def joined(self, other: Floats, parts: Floats) -> Floats:
        """The joined score float32 [m]: log-odds of a stranger.

        Args:
            other: float32 [m], the other score.
            parts: float32 [m, d], zeros where there is none.
        """
        with_part = self.weights[:3] @ np.stack([np.ones_like(other), self.distance(parts), other])
        without = self.weights[3] + self.weights[4] * other
        return np.asarray(np.where(parts.any(axis=1), with_part, without), np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays to store."""
        nearest = np.array([self.nearest], np.int64)
        return {"references": self.references, "nearest": nearest, "weights": self.weights}

    @classmethod
    def from_state(cls, state: dict[str, NDArray[Any]]) -> "PartEvidence":
        """The evidence whose `state` this is."""
        return cls(state["references"], int(state["nearest"][0]), state["weights"])


def part_distance(known: Floats, parts: Floats, nearest: int) -> Floats:
    """Float32 [m]: Euclidean distance of parts [m, d] to the nearest-th of known ones [r, d]; 0 for zeros."""
    found = np.zeros(len(parts), np.float32)
    there = np.flatnonzero(parts.any(axis=1))
    place = min(nearest, len(known)) - 1
    for start in range(0, len(there) if len(known) else 0, CHUNK):
        chosen = there[start : start + CHUNK]
        square = (
            np.square(parts[chosen]).sum(axis=1)[:, None]
            - 2 * parts[chosen] @ known.T
            + np.square(known).sum(axis=1)
        )
        found[chosen] = np.sqrt(np.maximum(np.partition(square, place, axis=1)[:, place], 0))
    return found


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
