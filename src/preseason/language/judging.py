"""What a model reaches on what it has not seen, within a time: perplexity, general prose, a quiz."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch

from preseason.language import quiz
from preseason.language.packing import Blocks, pack, pieces_of
from preseason.language.record import Judgement, Reading
from preseason.language.samples import Example, Quiz
from preseason.language.scoring import log_likelihoods, perplexity, perplexity_range
from preseason.language.speed import computing, device_of
from preseason.language.trunk import matrices_in
from preseason.progress import Progress

SHARES = {"held_out": 0.04, "general": 0.015, "quiz": 0.045}
"""Parts of the budget for judging once; a fit judges twice."""

MOST_QUESTIONS = 400
GENERAL_LENGTH = 256
GENERAL_TEXT = ("breast_cancer.rst", "california_housing.rst", "olivetti_faces.rst", "digits.rst")
"""Descriptions of data sets that come with scikit-learn: English prose without sport."""


@dataclass(frozen=True)
class Bar:
    """What is judged on; the same before and after training."""

    held: Blocks
    general: Blocks
    questions: tuple[Quiz, ...]


def general_blocks(tokenizer: Any) -> Blocks:
    """The general prose in blocks."""
    folder = files("sklearn.datasets.descr")
    examples = [Example(name, (folder / name).read_text("utf-8")) for name in GENERAL_TEXT]
    pieces = pieces_of(tokenizer, examples, GENERAL_LENGTH)
    return pack(pieces, GENERAL_LENGTH, int(tokenizer.pad_token_id))


def affordable(
    network: Any,
    tokenizer: Any,
    held: Blocks,
    questions: Sequence[Quiz],
    budget_s: float,
    kind: torch.dtype | None,
) -> Bar:
    """As much of the held-out part, of general prose and of the questions as the time allows.

    Args:
        kind: the type in which it will be judged.
    """
    general = general_blocks(tokenizer)
    with matrices_in(network, kind, trained=True), computing(kind, device_of(network)):
        return _affordable(network, tokenizer, held, general, questions, budget_s)


def _affordable(
    network: Any, tokenizer: Any, held: Blocks, general: Blocks, questions: Sequence[Quiz], budget_s: float
) -> Bar:
    each = _seconds_a_block(network, held)
    scale = general.ids.shape[1] / held.ids.shape[1]
    kept = _spread(len(held), SHARES["held_out"] * budget_s / each)
    some = _spread(len(general), SHARES["general"] * budget_s / (each * scale), fewest=1)
    chosen: tuple[Quiz, ...] = ()
    if questions:
        begin = time.monotonic()
        quiz.likelihoods(network, tokenizer, questions[0])
        most = SHARES["quiz"] * budget_s / max(time.monotonic() - begin, 1e-6)
        places = _spread(len(questions), min(most, MOST_QUESTIONS))
        chosen = tuple(questions[at] for at in places)
    return Bar(held.some(kept), general.some(some), chosen)


def judge(
    network: Any, tokenizer: Any, bar: Bar, progress: Progress, kind: torch.dtype | None = None
) -> Judgement:
    """Perplexities and quiz accuracy of the network, over its whole vocabulary.

    Args:
        kind: matrices are taken in this type for the time; None leaves them as they are.
    """
    with matrices_in(network, kind, trained=True), computing(kind, device_of(network)):
        held = reading(network, bar.held, progress, "judging held-out texts")
        general = reading(network, bar.general, progress, "judging general prose")
        answered = quiz.score(network, tokenizer, bar.questions, progress) if bar.questions else None
    return Judgement(held, general, answered)


def reading(network: Any, blocks: Blocks, progress: Progress, stage: str) -> Reading:
    """The perplexity of the blocks' learnt tokens with its range."""
    progress.start(stage, len(blocks))
    by_block = list(log_likelihoods(network, blocks, progress.advance))
    progress.finish()
    low, high = perplexity_range(by_block)
    everything = np.concatenate(by_block)
    return Reading(len(everything), perplexity(everything), low, high)


def _seconds_a_block(network: Any, blocks: Blocks) -> float:
    one = blocks.some(slice(0, 1))
    list(log_likelihoods(network, one))
    begin = time.monotonic()
    list(log_likelihoods(network, one))
    return max(time.monotonic() - begin, 1e-6)


def _spread(count: int, most: float, fewest: int = 2) -> Any:
    """Positions, at least `fewest` where there are so many, spread evenly over `count`."""
    size = min(count, max(fewest, int(most)))
    return np.unique(np.linspace(0, count - 1, size).round().astype(np.int64))
