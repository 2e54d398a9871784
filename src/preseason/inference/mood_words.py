"""Moods of a text by a list of words that people have judged, without a network.

The list is that of VADER (Hutto and Gilbert 2014); of its rules only negation is taken over.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats

FIGURES = 3
"""Of a text: good and bad words together, the good ones, the bad ones."""
SATURATION = 15.0
"""A sum s counts as s / sqrt(s^2 + 15), as in VADER: the tenth good word says little."""
NEGATED, REACH = -0.74, 3
"""What a negation among so many words before it makes of a word's value, as in VADER."""
NEGATIONS = frozenset(
    {
        *("ain't", "aint", "barely", "cannot", "hardly", "neither", "never", "no", "nobody", "none"),
        *("nor", "not", "nothing", "nowhere", "rarely", "scarcely", "seldom", "without"),
    }
)
_MARKS = '.,!?;:"()[]{}*_~…“”‘'


@dataclass(frozen=True)
class MoodWords:
    """The list.

    Attributes:
        words: in small letters, emoticons among them.
        values: float32 [words], from -4 (bad) to 4 (good).
        emoji: what each emoji is called, which is read in its place.
    """

    words: tuple[str, ...]
    values: Floats
    emoji: Mapping[str, str]

    def figures(self, texts: Sequence[str]) -> Floats:
        """Float32 [n, 3]; zeros for a text without any of the words."""
        found = [self._sums(text) for text in texts]
        sums = np.array([[good - bad, good, bad] for good, bad in found], np.float32).reshape(-1, FIGURES)
        return np.asarray(sums / np.sqrt(sums**2 + SATURATION), np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays, texts as bytes with one in a line."""
        signs = [part for pair in self.emoji.items() for part in pair]
        return {
            "mood.words": np.frombuffer("\n".join(self.words).encode(), np.uint8),
            "mood.values": self.values,
            "mood.emoji": np.frombuffer("\n".join(signs).encode(), np.uint8),
        }

    def _sums(self, text: str) -> tuple[float, float]:
        """Of the good and of the bad words."""
        words = self._words(text)
        good = bad = 0.0
        for place, word in enumerate(words):
            value = self._known.get(word, 0.0)
            if value and any(_negates(each) for each in words[max(0, place - REACH) : place]):
                value *= NEGATED
            good, bad = good + max(value, 0.0), bad + max(-value, 0.0)
        return good, bad

    def _words(self, text: str) -> list[str]:
        said = self._signs.sub(lambda sign: f" {self.emoji[sign[0]]} ", text) if self.emoji else text
        parts = said.lower().replace("’", "'").replace("#", " ").split()
        return [part if part in self._known or len(part) < 3 else part.strip(_MARKS) for part in parts]

    @cached_property
    def _known(self) -> dict[str, float]:
        return dict(zip(self.words, self.values.tolist(), strict=True))

    @cached_property
    def _signs(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, sorted(self.emoji, key=len, reverse=True))))


def _negates(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def mood_words_from(arrays: Mapping[str, NDArray[Any]]) -> MoodWords:
    """The list that `MoodWords.arrays` gave."""
    signs = arrays["mood.emoji"].tobytes().decode().split("\n")
    words = tuple(arrays["mood.words"].tobytes().decode().split("\n"))
    emoji = dict(zip(signs[::2], signs[1::2], strict=True)) if len(signs) > 1 else {}
    return MoodWords(words, np.asarray(arrays["mood.values"], np.float32), emoji)
