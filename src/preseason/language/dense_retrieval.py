"""Passages found by meaning beside words: the embedded encoder (a BERT), its vectors kept in the bank.

BM25 knows only words that are the same; the encoder finds "Who found the net?" in "Salah scored twice". What
it finds must name whom the question names, so that "it is not known" stays honest.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason import backbones
from preseason.arrays.rows import unit_rows
from preseason.backbones.embedded import ENCODER
from preseason.data.dataset import Sample, Text
from preseason.engine.extract import Extractor, Order
from preseason.engine.passes import FeatureSpec
from preseason.errors import WeightsError
from preseason.errors.packages import MissingPackageError, install_line
from preseason.language.knowledge import Bm25, Hit, Passage, names_of, words_of
from preseason.media.content import digest
from preseason.runtime.progress import Progress, Silent
from preseason.tasks.texts import TextDecoder

TOKENS = 256
ALIKE = 0.6
"""Least cosine of a question and a passage: one about the same player and another matter reached 0.52."""

FUSED = 60
"""Constant of reciprocal rank fusion (Cormack et al. 2009)."""


class DenseIndex:
    """Unit vectors of passages, and the encoder that makes them.

    Args:
        cache: folder of the feature bank.

    Raises:
        WeightsError: the encoder is not on this machine.
    """

    def __init__(
        self, passages: Sequence[Passage], cache: Path, device: str = "cpu", progress: Progress | None = None
    ) -> None:
        encoder = backbones.load(ENCODER, None)
        spec = FeatureSpec(TOKENS, blocks=(len(encoder) - 1,))
        self.extractor = Extractor(encoder, spec, TextDecoder(), cache, device)
        self.progress = progress or Silent()
        self.vectors = self._vectors([passage.text for passage in passages], keep=True)

    def likeness(self, question: str) -> NDArray[np.float32]:
        """Cosines [n] of the question and every passage."""
        found: NDArray[np.float32] = self.vectors @ self._vectors([question], keep=False)[0]
        return found

    def _vectors(self, texts: Sequence[str], keep: bool) -> NDArray[np.float32]:
        """Unit vectors [n, d]: the mean of the last layer's tokens, as all-MiniLM-L6-v2 was trained."""
        sources = [Text(text) for text in texts]
        orders = [Order(Sample(each, fingerprint=digest(each.content()))) for each in sources]
        found = self.extractor.extract(orders, self.progress, "reading passages", keep=keep)
        rows: Any = np.zeros((len(texts), found.rows.shape[-1]), np.float32)
        rows[found.kept] = found.rows[:].reshape(len(found.kept), -1)
        means: NDArray[np.float32] = rows[:, : rows.shape[1] // 3]
        return unit_rows(means)


class HybridRetriever:
    """A `Retriever`: passages that share the question's words, and such as mean what it asks.

    Args:
        words: finds by words; it holds the passages.
    """

    def __init__(self, words: Bm25, meanings: DenseIndex) -> None:
        self.words, self.meanings = words, meanings

    def find(self, question: str, most: int = 3) -> list[Hit]:
        """The best of both, each good enough by one of them; none where a name stands in no passage."""
        names = names_of(question)
        if any(name not in self.words.words for name in names) or not words_of(question):
            return []
        alike = self.meanings.likeness(question)
        near = [at for at in np.argsort(-alike, kind="stable")[: 4 * most] if alike[at] >= ALIKE]
        meant = [at for at in near if set(names) <= set(words_of(self.words.passages[at].text))]
        by_words = self.words.find(question, most)
        places = {id(passage): at for at, passage in enumerate(self.words.passages)}
        ranks = ([places[id(hit.passage)] for hit in by_words], [int(at) for at in meant])
        scores: dict[int, float] = {}
        for ranking in ranks:
            for rank, at in enumerate(ranking):
                scores[at] = scores.get(at, 0.0) + 1 / (FUSED + rank)
        covered = {places[id(hit.passage)]: hit.covered for hit in by_words}
        best = sorted(scores, key=lambda at: (-scores[at], at))[:most]
        return [self._hit(at, scores[at], max(covered.get(at, 0.0), float(alike[at]))) for at in best]

    def _hit(self, at: int, score: float, covered: float) -> Hit:
        return Hit(self.words.passages[at], score, covered)


def best_retriever(
    passages: Sequence[Passage], cache: Path, device: str = "cpu", progress: Progress | None = None
) -> "Bm25 | HybridRetriever":
    """Words and meaning where the encoder (extra `text`) is installed, else words alone, which is said."""
    words, told = Bm25(passages), progress or Silent()
    try:
        return HybridRetriever(words, DenseIndex(passages, cache, device, told))
    except (MissingPackageError, WeightsError):
        told.say(f"Passages are matched by their words only: {install_line('text')} also matches by meaning.")
        return words
