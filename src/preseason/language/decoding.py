"""One token after the other: what a decoder is, the one of transformers, and how the next token is drawn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Ints

Logits = NDArray[np.float32]
NOTHING: Ints = np.zeros(0, np.int64)


class Decoder(Protocol):
    """Something that continues tokens; it holds the state of one text at a time."""

    name: str

    def start(self, tokens: Sequence[int]) -> Logits:
        """Forget everything, read `tokens`, give the logits float32 [vocabulary] of what follows."""

    def step(self, token: int) -> Logits:
        """Read one more token, give the logits of what follows."""


class TorchDecoder:
    """transformers with its key-value cache."""

    name = "transformers"

    def __init__(self, network: Any) -> None:
        self.network = network.eval()
        self.cache: Any = None

    def start(self, tokens: Sequence[int]) -> Logits:
        """Read the prompt in one go."""
        from transformers import DynamicCache

        self.cache = DynamicCache(config=self.network.config)
        return self._read(tokens)

    def step(self, token: int) -> Logits:
        """Read one token."""
        return self._read([token])

    def _read(self, tokens: Sequence[int]) -> Logits:
        import torch

        device = self.network.get_input_embeddings().weight.device
        with torch.inference_mode():
            ids = torch.tensor([list(tokens)], device=device)
            output = self.network(input_ids=ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        logits: Logits = output.logits[0, -1].float().cpu().numpy()
        return logits


@dataclass(frozen=True)
class GenerationConfig:
    """How the next token is drawn.

    Attributes:
        temperature: 0 always takes the likeliest.
        top_p: drawn is among the likeliest that together have this probability (Holtzman et al. 2020).
        repetition: divides the logits of words said lately (Keskar et al. 2019, section 4.1).
        max_new_tokens: length of an answer.
        stops: texts before which an answer ends.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    repetition: float = 1.15
    max_new_tokens: int = 160
    seed: int | None = None
    stops: tuple[str, ...] = ()


LATELY = 128
"""Tokens within which a word counts as repeated."""


def draw(
    logits: Logits,
    said: Sequence[int],
    style: GenerationConfig,
    rng: np.random.Generator,
    never: Ints = NOTHING,
) -> int:
    """The next token after those `said` in this answer; none of `never`."""
    scores = logits.astype(np.float64)
    scores[never[never < len(scores)]] = -np.inf
    recent = np.unique(np.asarray(said[-LATELY:], np.int64)) if said else np.zeros(0, np.int64)
    scores[recent] = np.where(
        scores[recent] > 0, scores[recent] / style.repetition, scores[recent] * style.repetition
    )
    if style.temperature == 0:
        return int(scores.argmax())
    # Beyond the 256 likeliest lies nothing that top_p would keep from a model that knows what it says.
    likeliest = np.argpartition(scores, -min(256, len(scores)))[-min(256, len(scores)) :]
    likeliest = likeliest[np.argsort(-scores[likeliest])]
    chances = np.exp((scores[likeliest] - scores[likeliest[0]]) / style.temperature)
    chances /= chances.sum()
    kept = int(np.searchsorted(np.cumsum(chances), style.top_p)) + 1
    return int(rng.choice(likeliest[:kept], p=chances[:kept] / chances[:kept].sum()))


def continued(
    decoder: Decoder,
    tokens: Sequence[int],
    ends: frozenset[int],
    style: GenerationConfig,
    room: int,
    never: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Tokens after `tokens`, until an end token, `style.max_new_tokens`, or `room` is full.

    Args:
        never: tokens that are not drawn, unless they are end tokens.
    """
    banned = np.array(sorted(never - ends), np.int64)
    rng = np.random.default_rng(style.seed)
    said: list[int] = []
    logits = decoder.start(tokens)
    for _ in range(min(style.max_new_tokens, room)):
        token = draw(logits, said, style, rng, banned)
        if token in ends:
            return
        said.append(token)
        yield token
        logits = decoder.step(token)


def spoken(
    tokens: Iterator[int], decode: Callable[[list[int]], str], stops: Sequence[str] = ()
) -> Iterator[str]:
    """The tokens' text in pieces that can be shown at once; ends before the first of `stops`.

    A character may take several tokens, and a stop several pieces: both are held back until they are whole.
    """
    said: list[int] = []
    shown = 0
    for token in tokens:
        said.append(token)
        text = decode(said)
        found = [at for stop in stops if (at := text.find(stop)) >= 0]
        if found:
            yield text[shown : max(min(found), shown)]
            return
        safe = len(text) - _held_back(text, stops)
        if safe > shown:
            yield text[shown:safe]
            shown = safe
    rest = decode(said)[shown:]
    if rest:
        yield rest


def _held_back(text: str, stops: Sequence[str]) -> int:
    """Characters at the end that may still change or begin a stop."""
    unfinished = len(text) - len(text.rstrip("\ufffd"))
    begun = [
        size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])
    ]  # fmt: skip
    return max([unfinished, *begun])
