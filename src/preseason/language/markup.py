"""Tokens that stand for no words: which end an answer, and which are never said in one.

A tokenizer marks some of its tokens as special; further ones are markup all the same (unused ones, places of
pictures, tags), of which a tuned model may say one now and then.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from preseason.language.samples import Message
from preseason.language.template import render

_TAG = re.compile(r"<\|?/?[A-Za-z_][^<>\s]*\|?>|\[/?[A-Z][A-Z_0-9]*\]|<[|｜][^<>]*[|｜]>")
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
PROBE = (Message("user", "one"), Message("assistant", "two"), Message("user", "three"))


@dataclass(frozen=True)
class Markup:
    """What no answer may hold.

    Attributes:
        ends: tokens with which turns are written: one of them ends an answer.
        never: all other tokens of markup: they are not drawn.
        texts: of both, the special ones as text: an answer ends before one that is spelt in several tokens.
    """

    ends: frozenset[int]
    never: frozenset[int]
    texts: tuple[str, ...]


@lru_cache(4)
def markup_of(tokenizer: Any) -> Markup:
    """The markup of a fast tokenizer with a chat template; that of the template itself ends an answer."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    special = {int(token) for token in tokenizer.all_special_ids}
    special |= {int(at) for at, token in tokenizer.added_tokens_decoder.items() if token.special}
    tags = {at for text, at in vocabulary.items() if _TAG.fullmatch(text) and not _BYTE.fullmatch(text)}
    every = frozenset(special | tags)
    written = tokenizer(render(tokenizer, PROBE, asking=True), add_special_tokens=False)["input_ids"]
    ends = every & ({int(token) for token in written} | {int(tokenizer.eos_token_id)})
    shown = {tokenizer.convert_ids_to_tokens(at) for at in special | set(ends)}
    texts = tuple(sorted(text for text in shown if len(text) > 2 and not text[0].isalnum()))
    return Markup(ends, every - ends, texts)
