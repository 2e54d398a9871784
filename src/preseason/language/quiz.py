"""Multiple-choice accuracy by the likelihood of the answers' texts.

A base model that is asked for a letter answers below chance, so the letters are never shown: each option is
taken for the answer in turn, and the likeliest for its length wins (log-likelihood by byte, as in the
`acc_norm` of the LM Evaluation Harness, which makes long options comparable with short ones).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preseason.evaluation.metrics import wilson
from preseason.language.packing import Piece, in_one_block
from preseason.language.questions import asked
from preseason.language.samples import Message, Quiz
from preseason.language.scoring import log_likelihoods
from preseason.language.template import encode_dialogue, encode_text
from preseason.runtime.progress import Progress


@dataclass(frozen=True)
class Score:
    """Right answers among n; `low` and `high` bound the accuracy at 95 % (Wilson score interval).

    `chance` is what guessing would reach.
    """

    n: int
    right: int
    accuracy: float
    low: float
    high: float
    chance: float


def score(
    network: Any, tokenizer: Any, questions: Sequence[Quiz], progress: Progress, stage: str = "quiz"
) -> Score:
    """How many of the questions the model answers rightly."""
    progress.start(stage, len(questions))
    right = []
    for quiz in questions:
        values = likelihoods(network, tokenizer, quiz)
        right.append(int(np.argmax(values)) == quiz.right)
        progress.advance()
    progress.finish()
    return score_of(right, [1 / len(quiz.options) for quiz in questions])


def score_of(right: Sequence[bool], chances: Sequence[float]) -> Score:
    """The score of right and wrong answers to questions with those chances of a lucky guess."""
    n, hits = len(right), sum(right)
    low, high = wilson(hits, n)
    return Score(
        n, hits, hits / n if n else float("nan"), low, high, float(np.mean(chances)) if n else float("nan")
    )


def likelihoods(network: Any, tokenizer: Any, quiz: Quiz, system: str = "") -> list[float]:
    """Log-likelihood by byte of each option as the answer; all options in one packed block.

    Args:
        system: what the model is told first, e.g. passages that were looked up.
    """
    pieces = [_piece(tokenizer, quiz, option, system) for option in quiz.options]
    block = in_one_block(pieces, int(tokenizer.pad_token_id))
    found = next(iter(log_likelihoods(network, block)))
    ends = np.cumsum([int(piece.learn[1:].sum()) for piece in pieces])
    sums = [float(part.sum()) for part in np.split(found, ends[:-1])]
    return [value / max(len(option.encode()), 1) for value, option in zip(sums, quiz.options, strict=True)]


def _piece(tokenizer: Any, quiz: Quiz, option: str, system: str) -> Piece:
    """The option where its question puts it; what is learnt is the option alone."""
    if not quiz.continued:
        opening = (Message("system", system),) if system else ()
        return Piece(
            *encode_dialogue(
                tokenizer, (*opening, Message("user", asked(quiz)), Message("assistant", option))
            )
        )
    begin = np.array([tokenizer.bos_token_id], np.int32)
    before, after = encode_text(tokenizer, quiz.question), encode_text(tokenizer, f" {option}")
    ids = np.concatenate([begin, before, after])
    return Piece(ids, np.arange(len(ids)) > len(before))
