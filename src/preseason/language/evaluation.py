"""What a model reaches on what it has not seen, within a time: perplexity, general prose, a quiz."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch

from preseason.language import quiz
from preseason.language.continuations import continuations
from preseason.language.packing import Blocks, pack, pieces_of
from preseason.language.record import EvalResult, Reading
from preseason.language.samples import Example, Quiz
from preseason.language.scoring import log_likelihoods, perplexity, perplexity_range
from preseason.language.speed import computing, device_of
from preseason.language.trunk import matrices_in
from preseason.runtime.progress import Progress

SHARES = {"held_out": 0.04, "general": 0.015, "general_quiz": 0.01, "quiz": 0.035}
"""Parts of the budget for judging once; a fit judges twice."""

MAX_QUESTIONS = 400
GENERAL_LENGTH = 256
GENERAL_TEXT = ("breast_cancer.rst", "california_housing.rst", "olivetti_faces.rst", "digits.rst")
MORE_TEXT = (
    "covtype.rst",
    "kddcup99.rst",
    "lfw.rst",
    "rcv1.rst",
    "species_distributions.rst",
    "twenty_newsgroups.rst",
)
"""Descriptions of data sets that come with scikit-learn: English prose without sport; more for endings."""


@dataclass(frozen=True)
class EvalSet:
    """What is judged on; the same before and after training."""

    held: Blocks
    general: Blocks
    questions: tuple[Quiz, ...]
    endings: tuple[Quiz, ...]

    def sizes(self) -> list[int]:
        """How many of each kind there are: blocks of both kinds, questions, endings."""
        return [len(self.held), len(self.general), len(self.questions), len(self.endings)]


def general_blocks(tokenizer: Any) -> Blocks:
    """The general prose in blocks."""
    examples = [Example(name, text) for name, text in _prose(GENERAL_TEXT).items()]
    pieces = pieces_of(tokenizer, examples, GENERAL_LENGTH)
    return pack(pieces, GENERAL_LENGTH, int(tokenizer.pad_token_id))


def general_endings() -> tuple[Quiz, ...]:
    """Which ending does a beginning have: questions about the general prose."""
    return continuations("\n".join(_prose(GENERAL_TEXT + MORE_TEXT).values()))


def _prose(names: Sequence[str]) -> dict[str, str]:
    folder = files("sklearn.datasets.descr")
    return {name: (folder / name).read_text("utf-8") for name in names}


def affordable(
    network: Any,
    tokenizer: Any,
    held: Blocks,
    questions: Sequence[Quiz],
    budget_s: float,
    kind: torch.dtype | None,
    sizes: Sequence[int] | None = None,
) -> EvalSet:
    """As much of the held-out part, of general prose and of the questions as the time allows.

    Args:
        kind: the type in which it will be judged.
        sizes: as of `EvalSet.sizes`, of a fit that is taken up; nothing is measured then.
    """
    general = general_blocks(tokenizer)
    if sizes is not None:
        return _of_sizes(held, general, questions, sizes)
    with matrices_in(network, kind, trained=True), computing(kind, device_of(network)):
        return _affordable(network, tokenizer, held, general, questions, budget_s)


def _affordable(
    network: Any, tokenizer: Any, held: Blocks, general: Blocks, questions: Sequence[Quiz], budget_s: float
) -> EvalSet:
    each = _seconds_a_block(network, held)
    scale = general.ids.shape[1] / held.ids.shape[1]
    kept = _spread(len(held), SHARES["held_out"] * budget_s / each)
    some = _spread(len(general), SHARES["general"] * budget_s / (each * scale), fewest=1)
    chosen = _some_questions(network, tokenizer, questions, SHARES["quiz"] * budget_s)
    endings = _some_questions(network, tokenizer, general_endings(), SHARES["general_quiz"] * budget_s)
    return EvalSet(held.some(kept), general.some(some), chosen, endings)


def _of_sizes(held: Blocks, general: Blocks, questions: Sequence[Quiz], sizes: Sequence[int]) -> EvalSet:
    endings = general_endings()
    kept, some = _spread(len(held), sizes[0], fewest=0), _spread(len(general), sizes[1], fewest=0)
    chosen = tuple(questions[at] for at in _spread(len(questions), sizes[2], fewest=0))
    ends = tuple(endings[at] for at in _spread(len(endings), sizes[3], fewest=0))
    return EvalSet(held.some(kept), general.some(some), chosen, ends)


def _some_questions(
    network: Any, tokenizer: Any, questions: Sequence[Quiz], seconds: float
) -> tuple[Quiz, ...]:
    """As many as can be answered in that time."""
    if not questions:
        return ()
    quiz.likelihoods(network, tokenizer, questions[0])
    begin = time.monotonic()
    quiz.likelihoods(network, tokenizer, questions[0])
    most = seconds / max(time.monotonic() - begin, 1e-6)
    return tuple(questions[at] for at in _spread(len(questions), min(most, MAX_QUESTIONS)))


def judge(
    network: Any, tokenizer: Any, eval_set: EvalSet, progress: Progress, kind: torch.dtype | None = None
) -> EvalResult:
    """Perplexities and quiz accuracy of the network, over its whole vocabulary.

    Args:
        kind: matrices are taken in this type for the time; None leaves them as they are.
    """
    with matrices_in(network, kind, trained=True), computing(kind, device_of(network)):
        held = reading(network, eval_set.held, progress, "scoring held-out texts")
        general = reading(network, eval_set.general, progress, "scoring general prose")
        answered = (
            quiz.score(network, tokenizer, eval_set.questions, progress) if eval_set.questions else None
        )
        ended = (
            quiz.score(network, tokenizer, eval_set.endings, progress, "scoring endings")
            if eval_set.endings
            else None
        )
    return EvalResult(held, general, answered, ended)


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
