"""Linear logits of counted words and letters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.errors import UsageError
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.inference.words import Terms, hashed, logits_of, plain, terms_from


@dataclass(frozen=True)
class TfidfHead:
    """Linear logits of counted n-grams.

    Attributes:
        weight, bias: float32 [terms of all kinds, c] and [c].
    """

    counts: tuple[Terms, ...]
    weight: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return logits_of(texts_of(features), self.counts, self.weight, self.bias)

    def embed(self, features: Features) -> Floats:
        """Words hashed into float32 [n, 1024], of length 1: members of one way share these columns."""
        return np.stack([hashed(plain(text)) for text in texts_of(features)])

    def attention(self, features: Features) -> None:
        """It has no parts."""

    def state(self) -> State:
        """Plain values; the n-grams as bytes, one in a line."""
        arrays: dict[str, NDArray[Any]] = {"weight": self.weight, "bias": self.bias}
        for each in self.counts:
            arrays[f"{each.kind}.idf"] = each.idf
            arrays[f"{each.kind}.terms"] = np.frombuffer("\n".join(each.terms).encode(), np.uint8)
        return State("tfidf", arrays)

    def words(self, label: int, count: int) -> list[str]:
        """The words and pairs of words that speak most for class `label`."""
        terms = self.counts[0].terms
        order = np.argsort(-self.weight[: len(terms), label], kind="stable")[:count]
        return [terms[place] for place in order]


def texts_of(features: Features) -> list[str]:
    """The texts of a training set.

    Raises:
        UsageError: its rows are none.
    """
    rows = features.sources[0][features.index]
    if rows.dtype.kind not in "OU":
        raise UsageError("--head tfidf counts words: it is for texts. Choose linear or attention here.")
    return [str(row[0]) for row in rows]


def restore(state: State, *_: object) -> TfidfHead:
    """The head that gave `state`."""
    return TfidfHead(terms_from(state.arrays), state.arrays["weight"], state.arrays["bias"])


restorers.add("tfidf", restore)
