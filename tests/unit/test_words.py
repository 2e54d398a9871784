"""Words counted here are those that scikit-learn counts, which fitting uses."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

from preseason.heads.tfidf import ANALYZERS
from preseason.inference.words import HASHED, Terms, hashed, plain

TEXTS = (
    "What a GOAL by @Messi, see https://t.co/x !!",
    "a  b\tünïcode — ⚽⚽ it's 3-2, 3-2!",
    "I",
    "good good good bad",
)


@pytest.mark.parametrize("kind", ANALYZERS)
def test_n_grams_count_as_in_scikit_learn(kind: str) -> None:
    vectorizer = TfidfVectorizer(**ANALYZERS[kind], preprocessor=plain, sublinear_tf=True, dtype=np.float32)
    rows = vectorizer.fit_transform(TEXTS).toarray()
    names = tuple(vectorizer.get_feature_names_out())
    terms = Terms(kind, names, vectorizer.idf_.astype(np.float32))
    for text, expected in zip(TEXTS, rows, strict=True):
        values, at = terms.of(plain(text))
        found = np.zeros(len(names), np.float32)
        found[at] = values
        assert found == pytest.approx(expected, abs=1e-6), text


def test_words_are_hashed_as_in_scikit_learn() -> None:
    hashing = HashingVectorizer(n_features=HASHED, preprocessor=plain, token_pattern=r"\w+|[^\w\s]")
    for text, expected in zip(TEXTS, hashing.transform(TEXTS).toarray(), strict=True):
        assert hashed(plain(text)) == pytest.approx(expected, abs=1e-6), text
