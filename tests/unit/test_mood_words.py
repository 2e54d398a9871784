"""Moods of texts by a list of words: what counts, what turns it round, and what favours nothing."""

import numpy as np
import pytest

from preseason.heads.base import TrainingSet, heads
from preseason.inference.features import Features
from preseason.inference.mood_words import MoodWords, mood_words_from

WORDS = MoodWords(("good", "bad", ":)"), np.array([2.0, -2.5, 1.5], np.float32), {"😀": "good face"})


def test_good_and_bad_words_are_summed_and_saturate() -> None:
    once, ten, none = WORDS.figures(["A GOOD goal!", "good " * 10, "kick-off at three"])
    assert once == pytest.approx([2 / 19**0.5, 2 / 19**0.5, 0])
    assert once[0] < ten[0] < 1
    assert not none.any()


def test_a_negation_turns_a_word_round_and_reaches_three_words_far() -> None:
    near, contracted, far = WORDS.figures(["not at all good", "isn't bad", "not that I ever saw good"])
    assert near[0] < 0
    assert near[2] > 0
    assert contracted[0] > 0
    assert far[0] > 0


@pytest.mark.parametrize("text", ["what a 😀", "thanks :)", "#good", "“good”…", "GOOD."])
def test_emoji_emoticons_hashtags_and_marks_are_read(text: str) -> None:
    assert WORDS.figures([text])[0, 0] > 0


@pytest.mark.parametrize("emoji", [WORDS.emoji, {}])
def test_the_list_is_stored_and_read_back(emoji: dict[str, str]) -> None:
    words = MoodWords(WORDS.words, WORDS.values, emoji)
    again = mood_words_from(words.arrays())
    assert (again.words, dict(again.emoji)) == (words.words, dict(emoji))
    assert again.figures(["good 😀 :)"]).tolist() == words.figures(["good 😀 :)"]).tolist()


def test_that_a_text_has_no_such_words_is_learnt_too() -> None:
    pytest.importorskip("vaderSentiment", reason="needs preseason[text]")
    texts = ["great goal", "awful pass", "kick-off at three", "lovely", "terrible", "at three again"]
    features = Features.of([np.array([[text] for text in texts], object)])
    head = heads.get("moods").fit(TrainingSet(features, np.array([0, 1, 2] * 2), 3, (), 0))
    assert head.logits(features).argmax(axis=1).tolist() == [0, 1, 2] * 2
