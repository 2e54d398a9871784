"""What a model says to a few held-out beginnings, before and after training."""

from collections.abc import Callable, Sequence
from typing import Any

from preseason.language.packing import Blocks
from preseason.language.record import SampleGeneration
from preseason.language.samples import Example

GENERATIONS = 3
GENERATION_TOKENS = 40
BEGINNING_TOKENS = 24

Answer = Callable[[str], str]


def said_before(beginnings: Sequence[tuple[str, str]], answer: Answer) -> list[SampleGeneration]:
    """What the untouched model says to (beginning, how it really goes on)."""
    return [SampleGeneration(prompt, answer(prompt), "", truth) for prompt, truth in beginnings]


def said_after(sayings: Sequence[SampleGeneration], answer: Answer) -> list[SampleGeneration]:
    """The same with what the tuned model says."""
    return [SampleGeneration(one.prompt, one.before, answer(one.prompt), one.truth) for one in sayings]


def beginnings_of(tokenizer: Any, held: Sequence[Example], blocks: Blocks) -> list[tuple[str, str]]:
    """A few beginnings spread over the held-out part, and how each really goes on."""
    return beginnings_of_dialogues(held) or [_parted(tokenizer, row) for row in _some(blocks.ids)]


def beginnings_of_dialogues(held: Sequence[Example]) -> list[tuple[str, str]]:
    """Questions of a few dialogues, and their answers."""
    dialogues = [example.messages for example in held if example.messages]
    turns = [[turn for turn in messages if turn.role != "system"] for messages in dialogues]
    return [(each[0].content, each[1].content) for each in _some(turns)] if turns else []


def _parted(tokenizer: Any, row: Any) -> tuple[str, str]:
    ends = BEGINNING_TOKENS + GENERATION_TOKENS
    begin = tokenizer.decode(row[1:BEGINNING_TOKENS], skip_special_tokens=True)
    rest = tokenizer.decode(row[BEGINNING_TOKENS:ends], skip_special_tokens=True)
    return str(begin), str(rest)


def _some(items: Any) -> Any:
    return items[:: -(-len(items) // GENERATIONS)][:GENERATIONS]
