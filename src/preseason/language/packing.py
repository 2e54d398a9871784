"""Pieces of tokens, and blocks of one length that hold several of them without letting one see another.

Without an attention mask, and with positions that begin again at 0, transformers builds a block-diagonal
causal mask (`masking_utils.find_packed_sequence_indices`). An attention mask or a cache would switch that off
in silence, so neither is ever passed; a test compares packed logits with those of single pieces.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.language.samples import Example, Message
from preseason.language.template import Flags, Tokens, encode_dialogue, encode_text

IGNORED = -100
"""The target of a position whose next token is not learnt (the value that PyTorch's losses skip)."""


@dataclass(frozen=True)
class Piece:
    """Tokens that see each other.

    Attributes:
        ids: int32 [t].
        learn: bool [t], tokens that count in the loss.
    """

    ids: Tokens
    learn: Flags


@dataclass(frozen=True)
class Blocks:
    """m blocks of `length` tokens.

    Attributes:
        ids: int64 [m, length].
        positions: int64 [m, length], each piece from 0.
        targets: int64 [m, length], the token that follows, or `IGNORED`.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def learnt(self) -> int:
        """Tokens that count in the loss."""
        return int((self.targets != IGNORED).sum())

    def some(self, chosen: Any) -> "Blocks":
        """The blocks at these positions."""
        return Blocks(self.ids[chosen], self.positions[chosen], self.targets[chosen])


def pieces_of(tokenizer: Any, examples: Iterable[Example], length: int) -> list[Piece]:
    """Examples as pieces of at most `length` tokens.

    A text becomes windows that lie end to end, each after the begin token; a dialogue that is too long is cut
    between its exchanges, and an exchange that is still too long at its end.
    """
    pieces = []
    for example in examples:
        if example.messages:
            pieces += _of_dialogue(tokenizer, example.messages, length)
        else:
            pieces += _of_text(tokenizer, example.text, length)
    return [piece for piece in pieces if piece.learn[1:].any()]


def pack(pieces: Sequence[Piece], length: int, padding: int) -> Blocks:
    """Pieces in blocks: the longest first, each into the fullest block that has room (best fit)."""
    rows: list[list[Piece]] = []
    room: list[int] = []
    for piece in sorted(pieces, key=lambda piece: -len(piece.ids)):
        size = len(piece.ids)
        fitting = [at for at in range(max(0, len(room) - 64), len(room)) if room[at] >= size]
        if fitting:
            at = min(fitting, key=lambda at: room[at])
        else:
            at = len(rows)
            rows.append([])
            room.append(length)
        rows[at].append(piece)
        room[at] -= size
    return _filled(rows, length, padding)


def in_one_block(pieces: Sequence[Piece], padding: int) -> Blocks:
    """The pieces in one block, in their order, exactly as long as they are together."""
    return _filled([list(pieces)], sum(len(piece.ids) for piece in pieces), padding)


def _filled(rows: list[list[Piece]], length: int, padding: int) -> Blocks:
    shape = (len(rows), length)
    ids, positions = np.full(shape, padding, np.int64), np.zeros(shape, np.int64)
    targets = np.full(shape, IGNORED, np.int64)
    for row, pieces in enumerate(rows):
        at = 0
        for piece in pieces:
            size = len(piece.ids)
            ids[row, at : at + size] = piece.ids
            positions[row, at : at + size] = np.arange(size)
            targets[row, at : at + size - 1] = np.where(piece.learn[1:], piece.ids[1:], IGNORED)
            at += size
        # What is left over is a piece of its own, from which nothing is learnt.
        positions[row, at:] = np.arange(length - at)
    return Blocks(ids, positions, targets)


def _of_text(tokenizer: Any, text: str, length: int) -> list[Piece]:
    ids = np.append(encode_text(tokenizer, text), np.int32(tokenizer.eos_token_id))
    size = length - 1
    begin = np.int32(tokenizer.bos_token_id)
    windows = [np.insert(ids[at : at + size], 0, begin) for at in range(0, len(ids), size)]
    return [Piece(window, np.ones(len(window), np.bool_)) for window in windows]


def _of_dialogue(tokenizer: Any, messages: Sequence[Message], length: int) -> list[Piece]:
    ids, learn = encode_dialogue(tokenizer, messages)
    if len(ids) <= length:
        return [Piece(ids, learn)]
    system = [message for message in messages if message.role == "system"]
    turns = [message for message in messages if message.role != "system"]
    if len(turns) <= 2:
        return [Piece(ids[:length], learn[:length])]
    middle = len(turns) // 4 * 2 or 2
    halves = ([*system, *turns[:middle]], [*system, *turns[middle:]])
    return [piece for half in halves for piece in _of_dialogue(tokenizer, half, length)]
