"""Passes over texts: windows of tokens, and the frozen encoder's states pooled over them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from preseason.backbones.encoders import Encoder
from preseason.backbones.text_blocks import digits
from preseason.engine.passes import FeatureSpec

Window = tuple[int, ...]
LOWEST = -1e4
"""Stands for no token where the largest is sought; float16 holds it."""


class Windows:
    """Texts as a fixed number of windows of at most `size` tokens, spread evenly from first to last token.

    A text that fits into one window gives the same one each time; of a text longer than all windows
    together, the stretches between them are not read.
    """

    def __init__(self, encoder: Encoder, size: int, count: int) -> None:
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


class TokenFeatures(nn.Module):
    """The graph of a pass over texts: token numbers int [n, l], -1 for padding, to rows of one window.

    Gives float32 [n, 3 d] for "pooled": means, maxima over tokens and first tokens of every chosen block, d
    the blocks' widths together; for "map" the input of block `cut`, [n, l, m].
    """

    def __init__(self, encoder: Encoder, spec: FeatureSpec) -> None:
        super().__init__()
        self.encoder, self.spec = encoder, spec
        self.blocks = spec.blocks or tuple(range(len(encoder)))
        self.width = encoder.width

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Of one text: [parts, 3 d], or [windows, l, m] with windows filled up to their full length."""
        count = self.spec.count()
        if self.spec.kept == "map":
            return (count, self.spec.size, 2 if self.spec.cut == 0 else self.width + 1)
        return (count + 1 if count > 1 else 1, 3 * len(self.blocks) * self.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Rows of a batch of windows."""
        x = digits(tokens)
        if self.spec.kept == "map":
            return self.encoder.run(x, stop=self.spec.cut)
        states = []
        for index, block in enumerate(self.encoder.split.blocks):
            x = block(x)
            if index in self.blocks:
                states.append(x[..., :-1])
        hidden, there = torch.cat(states, dim=-1), (tokens >= 0).unsqueeze(-1)
        mean = (hidden * there).sum(1) / there.sum(1)
        return torch.cat([mean, torch.where(there, hidden, LOWEST).amax(1), hidden[:, 0]], dim=1)


def specials(encoder: Encoder) -> tuple[Window, Window]:
    """Token numbers in front of and behind a text."""
    found = encoder.tokenizer.encode("a")
    marks = found.special_tokens_mask
    first = next(place for place, mark in enumerate(marks) if not mark)
    last = max(place for place, mark in enumerate(marks) if not mark)
    return tuple(found.ids[:first]), tuple(found.ids[last + 1 :])
