"""Names of labels as examples, and what is kept of ways that are trusted."""

from pathlib import Path

import numpy as np
import pytest

from preseason.backbones.encoders import Encoder
from preseason.data.dataset import Sample, Text
from preseason.engine.extract import Extractor, Order
from preseason.engine.passes import FeatureSpec
from preseason.heads.base import TrainingSet, heads
from preseason.heads.names import TEMPLATES, NamesConfig, spoken, vectors_of
from preseason.inference.candidates import Candidate, Fitted
from preseason.inference.features import Features
from preseason.inference.head import restore
from preseason.inference.heads.names import NamesHead
from preseason.runtime.progress import Silent
from preseason.tasks.texts import TextDecoder
from preseason.training.cross_validation import CrossValResult
from preseason.training.selection import select

NAMES = ("great_goal", "awful referee")


def features_of(texts: list[str], encoder: Encoder, cache: Path) -> Features:
    orders = [Order(Sample(Text(text), fingerprint=text)) for text in texts]
    extractor = Extractor(encoder, FeatureSpec(32), TextDecoder(), cache, "cpu")
    return Features.of([extractor.extract(orders, Silent(), "reading").rows])


def fitted(encoder: Encoder, features: Features, names: tuple[str, ...]) -> NamesHead:
    config = NamesConfig(names, encoder.width)
    training_set = TrainingSet(features, np.array([0, 1]), 2, (), 0, config, backbone=encoder)
    head = heads.get("names").fit(training_set)
    assert isinstance(head, NamesHead)
    return head


def test_names_are_examples(encoder: Encoder, tmp_path: Path) -> None:
    said = ["what a match", "the ball was the ball"]
    features = features_of([*said, "great goal", "awful referee"], encoder, tmp_path)
    seen = features.take(np.array([0, 1]))
    named, bare = (fitted(encoder, seen, names).logits(features) for names in (NAMES, ("1", "2")))
    margin = [float(z[2, 0] - z[2, 1] + z[3, 1] - z[3, 0]) for z in (named, bare)]
    assert margin[0] > margin[1] + 0.1
    assert named[2:].argmax(1).tolist() == [0, 1]


def test_what_is_read_of_a_row_is_the_last_layers_mean(encoder: Encoder, tmp_path: Path) -> None:
    features = features_of(["great goal", "win"], encoder, tmp_path)
    own = vectors_of(["great goal", "win"], encoder)[:: len(TEMPLATES)]
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    head = fitted(encoder, features, NAMES)
    np.testing.assert_allclose(head.embed(features), own, atol=0.02)
    again = restore(head.state(), encoder)
    np.testing.assert_array_equal(again.logits(features), head.logits(features))


def test_numbers_and_letters_say_nothing() -> None:
    assert spoken(["0", "4"]) == spoken(["A", "B"]) == spoken(["good", "2"]) == []
    assert spoken(["Müller", "über_uns"]) == ["Müller", "über uns"]


class TestTrusted:
    TARGETS = np.arange(40) % 2

    def tried(self, name: str, right: float, trusted: bool, wrong: int = 0) -> CrossValResult:
        """A way that gives the right class the probability `right`, but to `wrong` examples the rest."""
        p = np.full((40, 2), 1 - right, np.float32)
        p[np.arange(40), self.TARGETS] = right
        p[:wrong] = p[:wrong, ::-1]
        candidate = Candidate(name, "linear", FeatureSpec(1), trusted=trusted)
        return CrossValResult(Fitted(candidate, (), 1.0), np.arange(40), p, None, 0.0)

    def test_they_are_averaged_though_one_seems_likelier(self) -> None:
        candidates = [self.tried("a", 0.9, True, wrong=8), self.tried("b", 0.9, True, wrong=9)]
        assert set(select(candidates, self.TARGETS).kept) == {0, 1}

    def test_one_that_is_clearly_worse_is_dropped(self) -> None:
        candidates = [self.tried("a", 0.9, True), self.tried("b", 0.9, True, wrong=30)]
        assert select(candidates, self.TARGETS).kept == (0,)

    @pytest.mark.parametrize(("right", "added"), [(0.702, False), (0.95, True)])
    def test_others_must_be_better_by_more_than_chance(self, right: float, added: bool) -> None:
        candidates = [self.tried("a", 0.7, True), self.tried("b", right, False, wrong=1)]
        assert (1 in select(candidates, self.TARGETS).kept) == added

    def test_one_that_is_far_better_replaces_them(self) -> None:
        candidates = [self.tried("a", 0.6, True), self.tried("b", 0.99, False)]
        assert select(candidates, self.TARGETS).kept == (1,)
