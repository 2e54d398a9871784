"""Words that are good or bad as such, judged by people (VADER, Hutto and Gilbert 2014), and a linear head.

A few labelled texts do not tell an encoder which words praise and which complain; the list does. It is read
from an installed package, whose code is not run. Measured in `benchmarks/LOG.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from preseason.errors.packages import require
from preseason.heads.base import TrainingSet, heads
from preseason.heads.linear import logistic_regression
from preseason.inference.heads.moods import MoodHead
from preseason.inference.heads.tfidf import texts_of
from preseason.inference.mood_words import FIGURES, MoodWords
from preseason.runtime.threads import one_blas_thread

PACKAGE = "vaderSentiment"
WORDS, EMOJI = "vader_lexicon.txt", "emoji_utf8_lexicon.txt"
STRENGTH = 10.0
"""Inverse L2 penalty of figures between -1 and 1."""
NAMED = 3.0
"""Texts that the name of a label counts for, as in `heads.names`."""


@dataclass(frozen=True)
class MoodsConfig:
    """What a `MoodHead` is told: the names of the labels where these are moods, or none."""

    names: Sequence[str] = ()


class Moods:
    """Fits `MoodHead`; its training set's first source holds the texts themselves."""

    config = MoodsConfig

    def fit(self, training_set: TrainingSet) -> MoodHead:
        """Logistic regression on three figures of each text, and of each label's name where these are moods.

        Raises:
            MissingPackageError: the list is not installed.
        """
        training_set.progress.start(training_set.stage, 1)
        words, names = mood_words(), list(training_set.config_as(MoodsConfig).names)
        figures = words.figures([*texts_of(training_set.features), *names])
        targets = np.concatenate([training_set.targets, np.arange(len(names))])
        counts = np.repeat([1.0, NAMED], [len(training_set.targets), len(names)]).astype(np.float32)
        with one_blas_thread():
            weight, bias = logistic_regression(
                figures, targets, training_set.classes, STRENGTH / FIGURES, counts
            )
        training_set.progress.advance()
        training_set.progress.finish()
        return MoodHead(words, weight, bias)


def moods_installed() -> bool:
    """Whether the list is there; nothing of its package is run."""
    return _folder() is not None


def _folder() -> Path | None:
    spec = find_spec(PACKAGE)
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return next((folder for folder in folders if (folder / WORDS).is_file()), None)


@lru_cache(1)
def mood_words() -> MoodWords:
    """The list of the installed package.

    Raises:
        MissingPackageError: it is not installed.
    """
    require("Reading mood words", PACKAGE)
    folder = _folder()
    assert folder is not None
    rows = [line.split("\t") for line in (folder / WORDS).read_text("utf-8").splitlines() if "\t" in line]
    signs = [line.split("\t") for line in (folder / EMOJI).read_text("utf-8").splitlines() if "\t" in line]
    known = {row[0]: float(row[1]) for row in rows}
    values = np.array(list(known.values()), np.float32)
    return MoodWords(tuple(known), values, {row[0]: row[1] for row in signs})


heads.add("moods", Moods())
