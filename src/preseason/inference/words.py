"""Words, pairs of words and runs of letters of a text, counted (TF-IDF), without a network."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints

NAMES = re.compile(r"(?:https?://|www\.)\S+|@\w+", re.IGNORECASE)
WORD, MARK, SPACES = re.compile(r"\b\w\w+\b"), re.compile(r"\w+|[^\w\s]"), re.compile(r"\s\s+")
LETTERS = (2, 5)
"""How many letters of a word a run of them has, spaces around the word included."""
HASHED = 1024


@dataclass(frozen=True)
class Terms:
    """One kind of n-gram as columns.

    Attributes:
        kind: a key of `KINDS`.
        terms: the n-grams, in the order of the columns.
        idf: float32 [terms].
    """

    kind: str
    terms: tuple[str, ...]
    idf: Floats

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each n-gram."""
        return {term: place for place, term in enumerate(self.terms)}

    def of(self, text: str) -> tuple[Floats, Ints]:
        """The text's values in its columns, of length 1, and which columns these are."""
        counted = Counter(KINDS[self.kind](text))
        known = {self.places[term]: count for term, count in counted.items() if term in self.places}
        at = np.fromiter(known, np.int64, len(known))
        values = (1 + np.log(np.fromiter(known.values(), np.float32, len(known)))) * self.idf[at]
        return values / max(float(np.linalg.norm(values)), 1e-12), at


def logits_of(texts: Sequence[str], counted: Sequence[Terms], weight: Floats, bias: Floats) -> Floats:
    """Linear logits float32 [n, c] of counted n-grams, with weights [terms of all kinds, c]."""
    out = np.tile(np.asarray(bias, np.float32), (len(texts), 1))
    for row, text in enumerate(map(plain, texts)):
        first = 0
        for each in counted:
            values, at = each.of(text)
            out[row] += values @ weight[first + at]
            first += len(each.terms)
    return out


def terms_from(arrays: Mapping[str, NDArray[Any]]) -> tuple[Terms, ...]:
    """The kinds that stored arrays hold: `words.idf` float32 [terms], `words.terms` their lines as bytes."""
    return tuple(
        Terms(kind, tuple(arrays[f"{kind}.terms"].tobytes().decode().split("\n")), arrays[f"{kind}.idf"])
        for kind in KINDS
        if f"{kind}.idf" in arrays
    )


def plain(text: str) -> str:
    """Small letters, without links and mentions, which name things rather than say something."""
    return NAMES.sub(" ", text).lower()


def words_of(text: str) -> list[str]:
    """Words and pairs of neighbouring words."""
    words = WORD.findall(text)
    return words + [f"{one} {two}" for one, two in pairwise(words)]


def letters_of(text: str) -> Iterator[str]:
    """Runs of two to five letters within each word and the spaces around it; a shorter word counts once."""
    for word in SPACES.sub(" ", text).split():
        padded = f" {word} "
        for length in range(LETTERS[0], LETTERS[1] + 1):
            yield padded[:length]
            if length >= len(padded):
                break
            yield from (padded[at : at + length] for at in range(1, len(padded) - length + 1))


def hashed(text: str) -> Floats:
    """Words hashed into float32 [1024], of length 1."""
    out = np.zeros(HASHED, np.float32)
    for word in MARK.findall(text):
        place, sign = _column(word)
        out[place] += sign
    return out / max(float(np.linalg.norm(out)), 1e-12)


@lru_cache(2**16)
def _column(word: str) -> tuple[int, int]:
    """The column that a word is hashed into, and the sign it has there."""
    number = murmur3(word.encode("utf-8"))
    signed = number - 2**32 if number >= 2**31 else number
    place = (2**31 - HASHED) if signed == -(2**31) else abs(signed)
    return place % HASHED, 1 if signed >= 0 else -1


def murmur3(data: bytes) -> int:
    """MurmurHash3 of 32 bits (Appleby 2011, public domain), seed 0."""
    full, state = 0xFFFFFFFF, 0

    def mixed(value: int) -> int:
        value = value * 0xCC9E2D51 & full
        value = (value << 15 | value >> 17) & full
        return value * 0x1B873593 & full

    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        state ^= mixed(int.from_bytes(data[at : at + 4], "little"))
        state = (state << 13 | state >> 19) & full
        state = state * 5 + 0xE6546B64 & full
    state ^= mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state ^= state >> shift
        state = state * factor & full
    return state ^ state >> 16


KINDS: dict[str, Callable[[str], Iterable[str]]] = {"words": words_of, "letters": letters_of}
"""Words and pairs of words; two to five letters within a word, for spellings, endings and emoji."""
