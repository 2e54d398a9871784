"""Talking with a model: a history that is remembered, answers piece by piece, facts looked up."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.data.dataset import list_skipped
from preseason.language.decoding import GenerationConfig, TorchDecoder, continued, spoken
from preseason.language.dense_retrieval import best_retriever
from preseason.language.generation import ChatBackend, Prompt, decoding, stops_of
from preseason.language.knowledge import Passage, Retriever, read_passages
from preseason.language.markup import markup_of
from preseason.language.samples import Message
from preseason.language.template import encode_text, prompt_tokens
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent

MAX_CONTEXT = 1024
"""Tokens of history and passages that are read again with every question."""

MAX_PASSAGES = 3
NOT_KNOWN = "I do not know: nothing I was given says so."


@dataclass(frozen=True)
class Answer:
    """What the model said.

    Attributes:
        sources: passages that were put before the question, the best first.
        known: False where facts were to be looked up and none was found; nothing was generated then.
        tokens: length of the answer.
        seconds: until it was complete.
        read: tokens that were read before it.
        cut: whether it ended because it had become as long as it may.
    """

    text: str
    sources: tuple[Passage, ...] = ()
    known: bool = True
    tokens: int = 0
    seconds: float = 0.0
    read: int = 0
    cut: bool = False


class Conversation:
    """One conversation with a model; it remembers what was said as far as its context reaches.

    Args:
        model: a chat model.
        knowledge: folder or file in which facts are looked up, or something that finds passages.
        style: how tokens are drawn.
        context: the most tokens that are read with a question.
        system: what the model is told before everything else.

    Raises:
        DataError: `knowledge` holds no text.
    """

    def __init__(
        self,
        model: ChatBackend,
        knowledge: "str | Path | Retriever | None" = None,
        style: GenerationConfig | None = None,
        context: int = MAX_CONTEXT,
        system: str = "",
    ) -> None:
        self.model = model
        self.style = style if style is not None else GenerationConfig()
        self.context, self.system = context, system
        self.retriever = retriever_in(knowledge)
        self.history: list[Message] = []
        self.last: Answer | None = None

    def say(self, text: str) -> Iterator[str]:
        """The answer in pieces as they are made; stopping early keeps what was said until then.

        `last` is the whole answer when the pieces are over.
        """
        hits = self.retriever.find(text, MAX_PASSAGES) if self.retriever is not None else []
        if self.retriever is not None and not hits:
            self._remember(text, Answer(NOT_KNOWN, known=False))
            yield NOT_KNOWN
            return
        begin = time.monotonic()
        sources = tuple(hit.passage for hit in hits)
        speech = self.model.generate(
            Prompt(text, tuple(self.history), self.system, sources), self.style, self.context
        )
        said: list[str] = []
        try:
            for piece in speech.pieces:
                said.append(piece)
                yield piece
        finally:
            spent = time.monotonic() - begin
            whole = "".join(said).rstrip()
            self._remember(text, Answer(whole, sources, True, speech.made, spent, speech.read, speech.cut))

    def ask(self, text: str) -> Answer:
        """The whole answer at once."""
        with closing(self.say(text)) as pieces:  # type: ignore[type-var]
            for _ in pieces:
                pass
        assert self.last is not None
        return self.last

    def reset(self) -> None:
        """Begin anew."""
        self.history.clear()

    def _remember(self, text: str, answer: Answer) -> None:
        self.last = answer
        self.history += [Message("user", text), Message("assistant", answer.text)]


def retriever_in(
    knowledge: "str | Path | Retriever | None",
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> Retriever | None:
    """What finds passages in a folder or file, or what was given.

    Args:
        cache: folder in which what is computed of the passages is kept; None for the usual one.
        progress: told which files hold no text.

    Raises:
        DataError: nothing there is text.
    """
    if not isinstance(knowledge, str | Path):
        return knowledge
    report = progress or Silent()
    passages, skipped = read_passages(Path(knowledge))
    for line in list_skipped(skipped):
        report.say(line)
    return best_retriever(passages, cache_folder(cache), progress=report)


def answer_once(
    network: Any, tokenizer: Any, style: str, prompt: str, max_new_tokens: int, most_s: float, seed: int
) -> str:
    """One answer (style `dialogue`) or continuation (style `text`) of a bare network."""
    if style == "dialogue":
        tokens = prompt_tokens(tokenizer, [Message("user", prompt)])
    else:
        tokens = [int(tokenizer.bos_token_id), *(int(token) for token in encode_text(tokenizer, prompt))]
    drawn = GenerationConfig(seed=seed, max_new_tokens=max_new_tokens)
    markup = markup_of(tokenizer)
    ends = markup.ends | {int(tokenizer.eos_token_id)}
    made = continued(TorchDecoder(network), tokens, ends, drawn, max_new_tokens, markup.never)
    made = _until(made, time.monotonic() + most_s)
    stops = (*stops_of(tokenizer, style), *markup.texts)
    return "".join(spoken(made, decoding(tokenizer), stops)).strip()


def _until(tokens: Iterator[int], deadline: float) -> Iterator[int]:
    for token in tokens:
        yield token
        if time.monotonic() > deadline:
            return
