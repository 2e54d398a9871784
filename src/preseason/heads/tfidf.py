"""Words and letters counted (TF-IDF) and logistic regression: the yardstick for every network of texts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.errors import UsageError
from preseason.heads.base import Features, State, TrainingSet, heads
from preseason.heads.linear import logistic_regression
from preseason.runtime.threads import one_blas_thread

STRENGTH = 3.0
"""Inverse L2 penalty; from 1 to 10 it hardly matters on vectors of length 1."""
ANALYZERS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "max_features": 60_000},
    "letters": {"analyzer": "char_wb", "ngram_range": (2, 5), "max_features": 120_000},
}
"""Words and pairs of words; two to five letters within a word, for spellings, endings and emoji."""
HASHED = 1024
MANY = 64
"""Examples from which on a run of letters must occur twice to be counted."""
_NAMES = re.compile(r"(?:https?://|www\.)\S+|@\w+", re.IGNORECASE)


@dataclass(frozen=True)
class Counts:
    """One kind of n-gram as columns.

    Attributes:
        kind: a key of `ANALYZERS`.
        terms: the n-grams, in the order of the columns.
        idf: float32 [terms].
    """

    kind: str
    terms: tuple[str, ...]
    idf: Floats

    def __call__(self, texts: Sequence[str]) -> Any:
        """Sparse rows [n, terms] of length 1."""
        return self._vectorizer.transform(texts)

    @cached_property
    def _vectorizer(self) -> Any:
        vocabulary = {term: place for place, term in enumerate(self.terms)}
        found = _vectorizer(self.kind, 1, vocabulary=vocabulary)
        found.idf_ = self.idf
        return found


@dataclass(frozen=True)
class TfidfHead:
    """Linear logits of counted n-grams.

    Attributes:
        weight, bias: float32 [terms of all counts, c] and [c].
    """

    counts: tuple[Counts, ...]
    weight: Floats
    bias: Floats

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return np.asarray(_rows(self.counts, texts_of(features)) @ self.weight + self.bias, np.float32)

    def embed(self, features: Features) -> Floats:
        """Words hashed into float32 [n, 1024], of length 1: members of one way share these columns."""
        from sklearn.feature_extraction.text import HashingVectorizer

        hashing = HashingVectorizer(n_features=HASHED, preprocessor=plain, token_pattern=r"\w+|[^\w\s]")
        return np.asarray(hashing.transform(texts_of(features)).toarray(), np.float32)

    def attention(self, features: Features) -> None:
        """It has no parts."""

    def state(self) -> State:
        """Plain values; the n-grams as bytes, one in a line."""
        arrays: dict[str, NDArray[Any]] = {"weight": self.weight, "bias": self.bias}
        for counts in self.counts:
            arrays[f"{counts.kind}.idf"] = counts.idf
            arrays[f"{counts.kind}.terms"] = np.frombuffer("\n".join(counts.terms).encode(), np.uint8)
        return State("tfidf", arrays)

    def words(self, label: int, count: int) -> list[str]:
        """The words and pairs of words that speak most for class `label`."""
        terms = self.counts[0].terms
        order = np.argsort(-self.weight[: len(terms), label], kind="stable")[:count]
        return [terms[place] for place in order]


class Tfidf:
    """Fits `TfidfHead`; its training set's first source holds the texts themselves."""

    def fit(self, training_set: TrainingSet) -> TfidfHead:
        """Counts of the training set's own texts, then logistic regression."""
        from scipy.sparse import csr_matrix

        texts = texts_of(training_set.features)
        training_set.progress.start(training_set.stage, 1)
        with one_blas_thread():
            counts = tuple(c for kind in ANALYZERS if (c := _counted(kind, texts)) is not None)
            rows = _rows(counts, texts) if counts else csr_matrix((len(texts), 0))
            weight, bias = _regressed(rows, training_set.targets, training_set.classes)
        training_set.progress.advance()
        training_set.progress.finish()
        return TfidfHead(counts, weight, bias)

    def restore(self, state: State, backbone: Backbone) -> TfidfHead:
        """The head that gave `state`."""
        counts = tuple(
            Counts(kind, tuple(state.arrays[f"{kind}.terms"].tobytes().decode().split("\n")), idf)
            for kind in ANALYZERS
            if (idf := state.arrays.get(f"{kind}.idf")) is not None
        )
        return TfidfHead(counts, state.arrays["weight"], state.arrays["bias"])


def texts_of(features: Features) -> list[str]:
    """The texts of a training set.

    Raises:
        UsageError: its rows are none.
    """
    rows = features.sources[0][features.index]
    if rows.dtype.kind not in "OU":
        raise UsageError("--head tfidf counts words: it is for texts. Choose linear or attention here.")
    return [str(row[0]) for row in rows]


def plain(text: str) -> str:
    """Small letters, without links and mentions, which name things rather than say something."""
    return _NAMES.sub(" ", text).lower()


def _vectorizer(kind: str, least: int, **rest: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        **ANALYZERS[kind], preprocessor=plain, sublinear_tf=True, min_df=least, dtype=np.float32, **rest
    )


def _counted(kind: str, texts: list[str]) -> Counts | None:
    """None where the texts hold nothing of the kind, such as words in a text of emoji."""
    least = 2 if kind == "letters" and len(texts) > MANY else 1
    try:
        found = _vectorizer(kind, least).fit(texts)
    except ValueError:
        return None
    terms = sorted(found.vocabulary_, key=found.vocabulary_.__getitem__)
    return Counts(kind, tuple(terms), np.asarray(found.idf_, np.float32))


def _rows(counts: tuple[Counts, ...], texts: list[str]) -> Any:
    from scipy.sparse import csr_matrix, hstack

    return hstack([each(texts) for each in counts]).tocsr() if counts else csr_matrix((len(texts), 0))


def _regressed(rows: Any, targets: Ints, classes: int) -> tuple[Floats, Floats]:
    if rows.shape[1] == 0:
        return np.zeros((0, classes), np.float32), np.log(
            np.bincount(targets, minlength=classes) / len(targets) + 1e-9
        ).astype(np.float32)
    return logistic_regression(rows, targets, classes, STRENGTH / rows.shape[1])


heads.add("tfidf", Tfidf())
