"""Questions out of prose, and that a network which knows the prose answers them."""

import numpy as np
import pytest

import tiny_language as tiny
from preseason.language.continuations import ENDING, OPENING, continuations
from preseason.language.evaluation import general_endings
from preseason.language.packing import Blocks
from preseason.language.quiz import likelihoods
from preseason.language.samples import Quiz
from preseason.language.scoring import log_likelihoods
from preseason.language.template import prepare

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PROSE = " ".join(f"{one}{two}" for one in LETTERS for two in LETTERS[:6])


def test_the_right_option_goes_on_where_the_beginning_ends() -> None:
    found = continuations(PROSE)
    assert len(found) == 1 + (26 * 6 - OPENING - ENDING) // 6
    for quiz in found:
        assert f"{quiz.question} {quiz.options[quiz.right]}" in PROSE
        assert len(set(quiz.options)) == 4
        wrong = [option for at, option in enumerate(quiz.options) if at != quiz.right]
        assert all(option in PROSE and f"{quiz.question} {option}" not in PROSE for option in wrong)
        assert not set(quiz.question.split()) & set(" ".join(wrong).split())


def test_the_right_place_is_spread_and_repeats_itself() -> None:
    found = general_endings()
    assert len(found) > 80
    assert found == general_endings()
    places = np.bincount([quiz.right for quiz in found], minlength=4) / len(found)
    assert places.min() > 0.1


def test_figures_and_markup_are_left_out() -> None:
    found = continuations(PROSE.replace(" jc ", " 542.2 "))
    assert 0 < len(found) < len(continuations(PROSE))
    assert not any("542.2" in " ".join((quiz.question, *quiz.options)) for quiz in found)


@pytest.mark.parametrize("text", ["", "Three words only.", PROSE[:120]])
def test_a_short_text_gives_none(text: str) -> None:
    assert continuations(text) == ()


def test_an_ending_is_judged_after_its_beginning_without_a_template() -> None:
    network, tokenizer = tiny.gemma3(2000), prepare(tiny.tokenizer())
    quiz = Quiz("The ball is played", ("to the left", "by nobody at all"), 0, continued=True)
    values = likelihoods(network, tokenizer, quiz)
    for value, option in zip(values, quiz.options, strict=True):
        before = tokenizer(quiz.question, add_special_tokens=False)["input_ids"]
        after = tokenizer(f" {option}", add_special_tokens=False)["input_ids"]
        ids = np.array([[tokenizer.bos_token_id, *before, *after]], np.int64)
        targets = np.full_like(ids, -100)
        targets[0, len(before) : -1] = after
        alone = next(iter(log_likelihoods(network, Blocks(ids, np.arange(ids.shape[1])[None], targets))))
        assert value == pytest.approx(alone.sum() / len(option.encode()), rel=1e-4)
