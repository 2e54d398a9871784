"""Dialogues as tokens: the chat template, and which tokens the model is taught to say."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.errors import UsageError
from preseason.language.samples import Message

TEMPLATE = """{{ bos_token }}{% for message in messages -%}
{% if message.role == 'system' %}{{ message.content + '\\n\\n' }}\
{% elif message.role == 'user' %}{{ 'Question: ' + message.content + '\\n' }}\
{% else %}{{ 'Answer:' }}{% generation %}{{ ' ' + message.content + eos_token }}{% endgeneration %}{{ '\\n'
}}{% endif %}\
{%- endfor %}{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"""
"""For models without a template of their own. Plain words rather than new tokens: a base model knows them."""

Tokens = NDArray[np.int32]
Flags = NDArray[np.bool_]


def prepare(tokenizer: Any) -> Any:
    """The tokenizer with a chat template and an end token; ours where it has none.

    Raises:
        UsageError: it has no end token, or gives no places of its tokens in the text.
    """
    if tokenizer.eos_token is None or not tokenizer.is_fast:
        raise UsageError(
            f"The tokenizer {type(tokenizer).__name__} has no end token or is no fast one: choose another "
            "--backbone."
        )
    if tokenizer.bos_token is None:
        tokenizer.bos_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = TEMPLATE
    return tokenizer


def render(tokenizer: Any, messages: Sequence[Message], asking: bool = False) -> str:
    """The dialogue as one text; `asking` ends it where the assistant's answer begins."""
    turns = [{"role": message.role, "content": message.content} for message in messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asking)
    return str(text)


def prompt_tokens(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Tokens after which the assistant's answer comes."""
    found = tokenizer(render(tokenizer, messages, asking=True), add_special_tokens=False)["input_ids"]
    return [int(token) for token in found]


def encode_dialogue(tokenizer: Any, messages: Sequence[Message]) -> tuple[Tokens, Flags]:
    """Token ids int32 [t] of a dialogue, and bool [t]: the tokens that an assistant says (its end token too).

    The spans are found by rendering the dialogue up to each answer and up to its end, so that any
    template serves, with or without generation tags.
    """
    text = render(tokenizer, messages)
    spans = [_span(tokenizer, messages, at, text) for at, turn in enumerate(messages) if _taught(turn)]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = np.array(encoded["input_ids"], np.int32)
    ends = np.array([end for _, end in encoded["offset_mapping"]], np.int64)
    said = np.zeros(len(ids), np.bool_)
    for begin, end in spans:
        said |= (ends > begin) & (ends <= end)
    return ids, said


def _taught(turn: Message) -> bool:
    return turn.role == "assistant" and turn.learn


def _span(tokenizer: Any, messages: Sequence[Message], at: int, text: str) -> tuple[int, int]:
    """Characters of `text` that turn `at` says: from the end of its prompt to the end of its end token."""
    before = render(tokenizer, messages[:at], asking=True)
    after = render(tokenizer, messages[: at + 1])
    if not text.startswith(before) or not text.startswith(after.rstrip("\n")):
        raise UsageError(
            "The tokenizer's chat template rewrites earlier turns, so the answers cannot be told from the "
            "rest. "
            "Choose another --backbone."
        )
    return len(before), len(after.rstrip("\n"))


def encode_text(tokenizer: Any, text: str) -> Tokens:
    """Token ids int32 [t] of a text, without begin or end token."""
    return np.array(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], np.int32)
