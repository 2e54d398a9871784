"""What a language model says next: the prompt within its bounds, and the answer piece by piece."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from preseason.language.decoding import Decoder, GenerationConfig, continued, spoken
from preseason.language.knowledge import Passage
from preseason.language.markup import markup_of
from preseason.language.samples import Message
from preseason.language.template import TEMPLATE, encode_text, prompt_tokens

LEAD = "Answer from these notes:"


@dataclass(frozen=True)
class Prompt:
    """What an answer is asked for.

    Attributes:
        question: the last turn.
        history: the turns before it, the oldest first.
        system: what the model is told first.
        passages: what was looked up for the question, the best first.
    """

    question: str
    history: tuple[Message, ...] = ()
    system: str = ""
    passages: tuple[Passage, ...] = ()

    def messages(self) -> list[Message]:
        """All turns; what was looked up stands in the first of them."""
        notes = (
            "\n".join([LEAD, *(f"- {passage.text}" for passage in self.passages)]) if self.passages else ""
        )
        opening = "\n\n".join(part for part in (self.system, notes) if part)
        first = [Message("system", opening)] if opening else []
        return [*first, *self.history, Message("user", self.question)]

    def shorter(self) -> "Prompt | None":
        """Without the oldest exchange, then the last passage; None where only the question is left."""
        if self.history:
            rest = self.history[1:]
            while rest and rest[0].role != "user":
                rest = rest[1:]
            return Prompt(self.question, rest, self.system, self.passages)
        if self.passages:
            return Prompt(self.question, (), self.system, self.passages[:-1])
        return Prompt(self.question) if self.system else None


@dataclass
class Generation:
    """An answer in the making.

    Attributes:
        pieces: its text, as it comes.
        read: tokens before it.
        made: tokens of it so far.
        cut: whether it ended because it had become as long as it may.
    """

    pieces: Iterator[str]
    read: int = 0
    made: int = 0
    cut: bool = False


class ChatBackend(Protocol):
    """What a conversation needs of a model."""

    @property
    def style(self) -> str:
        """`dialogue`: it answers; `text`: it goes on with what is written."""

    def generate(self, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
        """Begin the answer; at most `context` tokens are read."""


class Local(Protocol):
    """A model on this machine."""

    @property
    def tokenizer(self) -> Any:
        """With a chat template."""

    @property
    def decoder(self) -> Decoder:
        """What generates."""

    @property
    def style(self) -> str:
        """`dialogue` or `text`."""

    @property
    def context(self) -> int:
        """The most tokens that it sees at once."""

    @property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer."""


def generate_locally(model: Local, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
    """The answer of a model on this machine."""
    context = min(context, model.context)
    room = max(context - style.max_new_tokens, context // 2)
    tokens = prompt_of(model, turns, room)
    most = min(style.max_new_tokens, model.context - len(tokens))
    speech = Generation(iter(()), read=len(tokens))
    markup = markup_of(model.tokenizer)
    made = continued(model.decoder, tokens, model.ends | markup.ends, style, most, markup.never)
    stops = (*stops_of(model.tokenizer, model.style), *style.stops, *markup.texts)
    speech.pieces = _stripped(spoken(_counted(made, speech, most), decoding(model.tokenizer), stops))
    return speech


def prompt_of(model: Local, turns: Prompt, room: int) -> list[int]:
    """At most `room` tokens before the answer; the oldest exchanges are left out until they fit."""
    if model.style == "text":
        return _continuing(model, turns, room)
    while True:
        tokens = prompt_tokens(model.tokenizer, turns.messages())
        if len(tokens) <= room:
            return tokens
        fewer = turns.shorter()
        if fewer is None:
            # What remains is the question alone: its end counts most.
            return [*tokens[:1], *tokens[-(room - 1) :]]
        turns = fewer


def _continuing(model: Local, turns: Prompt, room: int) -> list[int]:
    """A model of texts goes on with what was written so far."""
    messages = turns.messages()
    opening = [message.content for message in messages if message.role == "system"]
    so_far = " ".join(message.content for message in messages if message.role != "system")
    ids = encode_text(model.tokenizer, "\n\n".join([*opening, so_far]))
    return [int(model.tokenizer.bos_token_id), *(int(token) for token in ids[-(room - 1) :])]


def decoding(tokenizer: Any) -> Callable[[list[int]], str]:
    """Token ids to text."""
    return lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True))


def stops_of(tokenizer: Any, style: str) -> tuple[str, ...]:
    """Texts with which the model would begin to speak for the user."""
    ours = style == "dialogue" and tokenizer.chat_template == TEMPLATE
    return ("\nQuestion:", "\nAnswer:") if ours else ()


def _counted(tokens: Iterator[int], speech: Generation, most: int) -> Iterator[int]:
    for token in tokens:
        speech.made += 1
        speech.cut = speech.made >= most
        yield token


def _stripped(pieces: Iterator[str]) -> Iterator[str]:
    """Without the space before the first word."""
    begun = False
    for piece in pieces:
        shown = piece if begun else piece.lstrip()
        begun = begun or bool(shown)
        if shown:
            yield shown
