"""Linear logits of the moods of words."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.inference.heads.tfidf import texts_of
from preseason.inference.mood_words import MoodWords, mood_words_from


@dataclass(frozen=True)
class MoodHead:
    """Linear logits of a text's moods; a text without any of the words is itself a finding.

    Attributes:
        words: the list, which models carry along.
        weight, bias: float32 [3, c] and [c].
    """

    words: MoodWords
    weight: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return np.asarray(self.embed(features) @ self.weight + self.bias, np.float32)

    def embed(self, features: Features) -> Floats:
        """The moods, float32 [n, 3]."""
        return np.asarray(self.words.figures(texts_of(features)), np.float32)

    def attention(self, features: Features) -> None:
        """It has no parts."""

    def state(self) -> State:
        """Plain values."""
        return State("moods", {"weight": self.weight, "bias": self.bias} | self.words.arrays())


def restore(state: State, *_: object) -> MoodHead:
    """The head that gave `state`."""
    return MoodHead(mood_words_from(state.arrays), state.arrays["weight"], state.arrays["bias"])


restorers.add("moods", restore)
