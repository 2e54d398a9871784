"""Texts as windows of tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer


Window = tuple[int, ...]


class Tokenized(Protocol):
    """What has a tokenizer: an encoder, or an exported model of texts."""

    @property
    def tokenizer(self) -> "Tokenizer":
        """It neither cuts nor pads."""


class Windows:
    """Texts as a fixed number of windows of at most `size` tokens, spread evenly from first to last token.

    A text that fits into one window gives the same one each time; of a text longer than all windows
    together, the stretches between them are not read.
    """

    def __init__(self, encoder: Tokenized, size: int, count: int) -> None:
        self._tokenizer, self.size, self.count = encoder.tokenizer, size, count
        self._before, self._after = specials(encoder)

    @property
    def room(self) -> int:
        """Tokens of the text itself in a window."""
        return self.size - len(self._before) - len(self._after)

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text, int64 [n]."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return np.array([len(each.ids) for each in found], np.int64)

    def of(self, texts: Sequence[str]) -> list[Window]:
        """`count` windows for each text, one text after the other."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [window for each in found for window in self._cut(each.ids)]

    def padded(self, windows: Sequence[Window]) -> NDArray[np.int64]:
        """Token numbers int64 [n, l], -1 after a window's end."""
        out = np.full((len(windows), max(map(len, windows))), -1, np.int64)
        for row, window in zip(out, windows, strict=True):
            row[: len(window)] = window
        return out

    def _cut(self, tokens: list[int]) -> list[Window]:
        last = max(len(tokens) - self.room, 0)
        starts = np.linspace(0, last, self.count).round().astype(int).tolist()
        return [(*self._before, *tokens[start : start + self.room], *self._after) for start in starts]


def specials(encoder: Tokenized) -> tuple[Window, Window]:
    """Token numbers in front of and behind a text."""
    found = encoder.tokenizer.encode("a")
    marks = found.special_tokens_mask
    first = next(place for place, mark in enumerate(marks) if not mark)
    last = max(place for place, mark in enumerate(marks) if not mark)
    return tuple(found.ids[:first]), tuple(found.ids[last + 1 :])
