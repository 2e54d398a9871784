"""Nothing of a model's markup reaches a person: every special token is asked for by force."""

from collections.abc import Sequence

import numpy as np
import pytest

import tiny_language as tiny
from preseason.language.decoding import GenerationConfig, continued, spoken
from preseason.language.generation import decoding
from preseason.language.markup import Markup, markup_of
from preseason.language.template import prepare

TURNS = """{% for message in messages %}<start_of_turn>{{ message.role }}
{{ message.content }}<end_of_turn>
{% endfor %}{% if add_generation_prompt %}<start_of_turn>model
{% endif %}"""
SPECIAL = (
    "<start_of_turn>",
    "<end_of_turn>",
    "<pad_here>",
    "<|im_start|>",
    "<|im_end|>",
    "[INST]",
    "[/INST]",
    "<|eot_id|>",
    "<|user|>",
    "<mask>",
)
UNMARKED = (
    "<start_of_image>",
    "<unused7>",
    "<image_soft_token>",
    "<|reserved_special_token_3|>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<extra_id_0>",
    "<|vision_start|>",
)


@pytest.fixture(scope="module")
def tokenizer() -> object:
    made = prepare(tiny.tokenizer())
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    made.add_tokens([*UNMARKED, "<0x0A>"])
    made.chat_template = TURNS
    return made


@pytest.fixture(scope="module")
def markup(tokenizer: object) -> Markup:
    return markup_of(tokenizer)


class Insisting:
    """A model that says two words, then wants to say one token for ever, and words where it may not."""

    name = "insisting"

    def __init__(self, vocabulary: int, words: Sequence[int], wanted: int) -> None:
        self.vocabulary, self.words, self.wanted, self.said = vocabulary, list(words), wanted, 0

    def start(self, tokens: Sequence[int]) -> np.ndarray:
        return self._next()

    def step(self, token: int) -> np.ndarray:
        return self._next()

    def _next(self) -> np.ndarray:
        logits = np.full(self.vocabulary, -9, np.float32)
        logits[self.words[self.said % len(self.words)]] = 1
        if self.said >= 2:
            logits[self.wanted] = 50
        self.said += 1
        return logits


@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("wanted", [*SPECIAL, *UNMARKED])
def test_no_token_of_markup_is_shown(tokenizer, markup: Markup, wanted: str, temperature: float) -> None:
    words = tokenizer("goal team", add_special_tokens=False)["input_ids"][:2]
    model = Insisting(len(tokenizer), words, tokenizer.convert_tokens_to_ids(wanted))
    style = GenerationConfig(temperature=temperature, max_new_tokens=8, seed=0, repetition=1.0)
    ends = markup.ends | {tokenizer.eos_token_id}
    made = list(continued(model, [0], ends, style, 99, markup.never))
    shown = "".join(spoken(iter(made), decoding(tokenizer), markup.texts))
    assert wanted not in shown
    assert not {tokenizer.convert_tokens_to_ids(each) for each in (*SPECIAL, *UNMARKED)} & set(made)
    assert len(made) == (2 if wanted in ("<start_of_turn>", "<end_of_turn>") else 8)


def test_every_special_token_ends_an_answer_or_is_never_said(tokenizer, markup: Markup) -> None:
    special = set(tokenizer.all_special_ids)
    assert special <= markup.ends | markup.never
    assert not markup.ends & markup.never
    assert tokenizer.eos_token_id in markup.ends


def test_bytes_and_words_may_be_said(tokenizer, markup: Markup) -> None:
    allowed = [
        tokenizer.convert_tokens_to_ids("<0x0A>"),
        *tokenizer("goal", add_special_tokens=False)["input_ids"],
    ]
    assert not set(allowed) & (markup.ends | markup.never)


def test_markup_that_is_spelt_in_pieces_ends_the_answer_before_it(markup: Markup) -> None:
    pieces = ["A goal", "!", "<", "end_of", "_turn", ">", " user: more"]
    said = "".join(
        spoken(iter(range(len(pieces))), lambda ids: "".join(pieces[at] for at in ids), markup.texts)
    )
    assert said == "A goal!"
