"""A linear head on each part of an example, of which the one that counts answers; parts may be missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.inference.probabilities import log_softmax

LARGEST, SUREST, MEAN = "largest", "surest", "mean"
POOLINGS = (LARGEST, SUREST, MEAN)
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class BestPartHead:
    """Log-probabilities of the part that counts; zeros, which favour no class, where there is none.

    Attributes:
        mean, deviation: float32 [d] and [1], of the parts.
        weight, bias: float32 [d, c] and [c].
        pooling: which part counts: the `largest` (the first), the `surest`, or all (`mean`).
        places: how many columns at the end of a row say where the part lies.
    """

    mean: Floats
    deviation: Floats
    weight: Floats
    bias: Floats
    pooling: str
    places: int

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        rows = part_rows(features, self.places)
        return pooled(self.each(rows), present(rows), self.pooling)

    def embed(self, features: Features) -> Floats:
        """The part that counts, scaled, float32 [n, d]; zeros where there is none."""
        rows = part_rows(features, self.places)
        there = present(rows)
        chosen = counting(self.each(rows), there, self.pooling)
        scaled = (rows[np.arange(len(rows)), chosen] - self.mean) / self.deviation
        return np.asarray(scaled * there.any(axis=1, keepdims=True), np.float32)

    def attention(self, features: Features) -> None:
        """Its parts lie elsewhere in every example."""

    def each(self, rows: Floats) -> Floats:
        """Log-probabilities float32 [n, p, c] of parts [n, p, d]."""
        logits = ((rows - self.mean) / self.deviation) @ self.weight + self.bias
        flat = log_softmax(np.asarray(logits, np.float64).reshape(-1, logits.shape[-1]))
        return np.asarray(flat.reshape(logits.shape), np.float32)

    def state(self) -> State:
        """Plain values."""
        arrays = {
            "mean": self.mean, "deviation": self.deviation, "weight": self.weight, "bias": self.bias
        }  # fmt: skip
        return State("best_part", arrays, {"pooling": self.pooling, "places": self.places})


def part_rows(features: Features, places: int) -> Floats:
    """Parts float32 [n, p, d] without the columns that say where they lie."""
    rows = features.rows(0)
    return rows[..., : rows.shape[-1] - places]


def present(rows: Floats) -> Flags:
    """Which parts are there, bool [n, p]: the others are zeros."""
    return np.asarray(rows.any(axis=-1))


def counting(logs: Floats, there: Flags, pooling: str) -> Ints:
    """Which part counts most, int64 [n]; 0 where there is none."""
    if pooling == LARGEST:
        return np.zeros(len(logs), np.int64)
    return np.asarray(np.where(there, logs.max(axis=-1), -np.inf).argmax(axis=1))


def pooled(logs: Floats, there: Flags, pooling: str) -> Floats:
    """Log-probabilities float32 [n, c] of examples from those of their parts [n, p, c]."""
    if pooling == MEAN:
        shares = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
        found = np.log(np.maximum(np.einsum("np,npc->nc", shares, np.exp(logs)), 1e-9))
    else:
        found = logs[np.arange(len(logs)), counting(logs, there, pooling)]
    return np.asarray(found * there.any(axis=1, keepdims=True), np.float32)


def counted_rows(heads: Sequence[BestPartHead], features: Features) -> Floats:
    """Rows float32 [n, d + places] of the part that counts to all heads together; zeros for none."""
    rows, places = features.rows(0), heads[0].places
    parts = rows[..., : rows.shape[-1] - places]
    logs = np.mean([head.each(parts) for head in heads], axis=0)
    chosen = counting(logs, present(parts), heads[0].pooling)
    return np.asarray(rows[np.arange(len(rows)), chosen], np.float32)


def restore(state: State, *_: object) -> BestPartHead:
    """The head that gave `state`."""
    given = state.arrays
    return BestPartHead(
        given["mean"], given["deviation"], given["weight"], given["bias"],
        str(state.settings["pooling"]), int(state.settings["places"]),
    )  # fmt: skip


restorers.add("best_part", restore)
