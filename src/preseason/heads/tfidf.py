"""Words and letters counted (TF-IDF) and logistic regression: the yardstick for every network of texts."""

from typing import Any

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.heads.linear import logistic_regression
from preseason.inference.heads.tfidf import TfidfHead, texts_of
from preseason.inference.words import LETTERS, Terms, plain
from preseason.runtime.threads import one_blas_thread

STRENGTH = 3.0
"""Inverse L2 penalty; from 1 to 10 it hardly matters on vectors of length 1."""
ANALYZERS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "max_features": 60_000},
    "letters": {"analyzer": "char_wb", "ngram_range": LETTERS, "max_features": 120_000},
}
"""What scikit-learn calls the kinds of n-grams."""
MANY = 64
"""Examples from which on a run of letters must occur twice to be counted."""


class Tfidf:
    """Fits `TfidfHead`; its training set's first source holds the texts themselves."""

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> TfidfHead:
        """Counts of the training set's own texts, then logistic regression."""
        from scipy.sparse import csr_matrix, hstack

        texts = texts_of(training_set.features)
        training_set.progress.start(training_set.stage, 1)
        with one_blas_thread():
            found = [each for kind in ANALYZERS if (each := _counted(kind, texts)) is not None]
            rows = hstack([part for _, part in found]).tocsr() if found else csr_matrix((len(texts), 0))
            weight, bias = _regressed(rows, training_set.targets, training_set.classes)
        training_set.progress.advance()
        training_set.progress.finish()
        return TfidfHead(tuple(terms for terms, _ in found), weight, bias)


def _counted(kind: str, texts: list[str]) -> tuple[Terms, Any] | None:
    """The n-grams of a kind and sparse rows [n, terms] of length 1.

    None where the texts hold nothing of the kind, such as words in a text of emoji.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    least = 2 if kind == "letters" and len(texts) > MANY else 1
    vectorizer = TfidfVectorizer(
        **ANALYZERS[kind], preprocessor=plain, sublinear_tf=True, min_df=least, dtype=np.float32
    )
    try:
        rows = vectorizer.fit_transform(texts)
    except ValueError:
        return None
    terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
    return Terms(kind, tuple(terms), np.asarray(vectorizer.idf_, np.float32)), rows


def _regressed(rows: Any, targets: Ints, classes: int) -> tuple[Floats, Floats]:
    if rows.shape[1] == 0:
        return np.zeros((0, classes), np.float32), np.log(
            np.bincount(targets, minlength=classes) / len(targets) + 1e-9
        ).astype(np.float32)
    return logistic_regression(rows, targets, classes, STRENGTH / rows.shape[1])


heads.add("tfidf", Tfidf())
