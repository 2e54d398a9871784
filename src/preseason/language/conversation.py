"""Talking with a model: bounded history, answers piece by piece, facts looked up."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.language.decoding import Style, continued, spoken
from preseason.language.knowledge import Bm25, Finder, Hit, Passage, read_passages
from preseason.language.samples import Message
from preseason.language.template import TEMPLATE, encode_text, prompt_tokens

if TYPE_CHECKING:
    from preseason.language.model import ChatModel

MOST_CONTEXT = 1024
"""Tokens of history and passages that are read again with every question."""

MOST_PASSAGES = 3
NOT_KNOWN = "I do not know: nothing that I was given tells it."
LEAD = "Answer from these notes:"


@dataclass(frozen=True)
class Answer:
    """What the model said.

    Attributes:
        sources: passages that were put before the question, the best first.
        known: False where facts were to be looked up and none was found; nothing was generated then.
        tokens: length of the answer.
        seconds: until it was complete.
    """

    text: str
    sources: tuple[Passage, ...] = ()
    known: bool = True
    tokens: int = 0
    seconds: float = 0.0


class Conversation:
    """One conversation with a model; it remembers what was said as far as its context reaches.

    Args:
        model: a chat model.
        knowledge: folder or file in which facts are looked up, or something that finds passages.
        style: how tokens are drawn.
        context: the most tokens that are read with a question.

    Raises:
        DataError: `knowledge` holds no text.
    """

    def __init__(
        self,
        model: "ChatModel",
        knowledge: "str | Path | Finder | None" = None,
        style: Style | None = None,
        context: int = MOST_CONTEXT,
    ) -> None:
        self.model = model
        self.style = style if style is not None else Style()
        self.context = min(context, model.context)
        self.finder: Finder | None = (
            Bm25(read_passages(Path(knowledge))[0]) if isinstance(knowledge, str | Path) else knowledge
        )
        self.history: list[Message] = []
        self.last: Answer | None = None

    def say(self, text: str) -> Iterator[str]:
        """The answer in pieces as they are made; stopping early keeps what was said until then.

        `last` is the whole answer when the pieces are over.
        """
        hits = self.finder.find(text, MOST_PASSAGES) if self.finder is not None else []
        if self.finder is not None and not hits:
            self._remember(text, Answer(NOT_KNOWN, known=False))
            yield NOT_KNOWN
            return
        said: list[str] = []
        count = [0]
        begin = time.monotonic()
        try:
            for piece in self._generated(text, hits, count):
                shown = piece.lstrip() if not said else piece
                if shown:
                    said.append(shown)
                    yield shown
        finally:
            sources = tuple(hit.passage for hit in hits)
            self._remember(
                text, Answer("".join(said).rstrip(), sources, True, count[0], time.monotonic() - begin)
            )

    def ask(self, text: str) -> Answer:
        """The whole answer at once."""
        for _ in self.say(text):
            pass
        assert self.last is not None
        return self.last

    def forget(self) -> None:
        """Begin anew."""
        self.history.clear()

    def _remember(self, text: str, answer: Answer) -> None:
        self.last = answer
        self.history += [Message("user", text), Message("assistant", answer.text)]

    def _generated(self, text: str, hits: list[Hit], count: list[int]) -> Iterator[str]:
        model, tokens = self.model, self._prompt(text, hits)
        made = continued(model.decoder, tokens, model.ends, self.style, model.context - len(tokens))
        return spoken(
            _counting(made, count), decoding(model.tokenizer), stops_of(model.tokenizer, model.style)
        )

    def _prompt(self, text: str, hits: list[Hit]) -> list[int]:
        """Tokens before the answer; the oldest exchanges are left out until they fit."""
        room = max(self.context - self.style.most_tokens, self.context // 2)
        notes = _notes(hits)
        if self.model.style == "text":
            return self._continuing(text, notes, room)
        history = list(self.history)
        while True:
            opening = [Message("system", notes)] if notes else []
            tokens = prompt_tokens(self.model.tokenizer, [*opening, *history, Message("user", text)])
            if len(tokens) <= room:
                return tokens
            if not history and not hits:
                # What remains is the question alone: its end counts most.
                return [*tokens[:1], *tokens[-(room - 1) :]]
            if history:
                history = history[2:]
            else:
                hits = hits[:-1]
                notes = _notes(hits)

    def _continuing(self, text: str, notes: str, room: int) -> list[int]:
        """A model of texts goes on with what was written so far."""
        so_far = " ".join([*(message.content for message in self.history), text])
        ids = encode_text(self.model.tokenizer, f"{notes}\n\n{so_far}" if notes else so_far)
        return [int(self.model.tokenizer.bos_token_id), *(int(token) for token in ids[-(room - 1) :])]


def answer_once(
    network: Any, tokenizer: Any, style: str, prompt: str, most_tokens: int, most_s: float, seed: int
) -> str:
    """One answer (style `dialogue`) or continuation (style `text`) of a bare network."""
    from preseason.language.decoding import TorchDecoder

    if style == "dialogue":
        tokens = prompt_tokens(tokenizer, [Message("user", prompt)])
    else:
        tokens = [int(tokenizer.bos_token_id), *(int(token) for token in encode_text(tokenizer, prompt))]
    drawn = Style(seed=seed, most_tokens=most_tokens)
    made = continued(TorchDecoder(network), tokens, frozenset([tokenizer.eos_token_id]), drawn, most_tokens)
    made = _until(made, time.monotonic() + most_s)
    return "".join(spoken(made, decoding(tokenizer), stops_of(tokenizer, style))).strip()


def _until(tokens: Iterator[int], deadline: float) -> Iterator[int]:
    for token in tokens:
        yield token
        if time.monotonic() > deadline:
            return


def decoding(tokenizer: Any) -> Callable[[list[int]], str]:
    """Token ids to text."""
    return lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True))


def stops_of(tokenizer: Any, style: str) -> tuple[str, ...]:
    """Texts with which the model would begin to speak for the user."""
    ours = style == "dialogue" and tokenizer.chat_template == TEMPLATE
    return ("\nQuestion:", "\nAnswer:") if ours else ()


def _notes(hits: list[Hit]) -> str:
    return "\n".join([LEAD, *(f"- {hit.passage.text}" for hit in hits)]) if hits else ""


def _counting(tokens: Iterator[int], count: list[int]) -> Iterator[int]:
    for token in tokens:
        count[0] += 1
        yield token
