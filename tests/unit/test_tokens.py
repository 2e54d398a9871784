"""Texts as windows of tokens, and rows of texts in the feature bank."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from preseason.backbones.encoders import Encoder
from preseason.backbones.text_blocks import digits
from preseason.data.dataset import Sample, Text
from preseason.engine.extract import Extractor, Order
from preseason.engine.feeds.base import feed_for
from preseason.engine.passes import FeatureSpec
from preseason.engine.tokens import Windows
from preseason.runtime.progress import Silent
from preseason.tasks.texts import TextDecoder

TEXTS = ("what a goal", "the referee was awful", "goal " * 60, "win", "what a goal")


def orders(texts: tuple[str, ...] = TEXTS) -> list[Order]:
    return [Order(Sample(Text(text), fingerprint=f"{place} {text[:9]}")) for place, text in enumerate(texts)]


def extracted(encoder: Encoder, spec: FeatureSpec, cache: Path, texts: tuple[str, ...] = TEXTS) -> np.ndarray:
    extractor = Extractor(encoder, spec, TextDecoder(), cache, "cpu")
    return np.asarray(extractor.extract(orders(texts), Silent(), "reading").rows[np.arange(len(texts))])


class TestWindows:
    def test_a_short_text_is_the_same_window_each_time(self, encoder: Encoder) -> None:
        found = Windows(encoder, 16, 3).of(["what a goal"])
        assert len(found) == 3
        assert len(set(found)) == 1
        assert found[0] == tuple(encoder.tokenizer.encode("what a goal").ids)

    def test_windows_overlap_and_reach_from_first_to_last_token(self, encoder: Encoder) -> None:
        text = "goal match team great awful ball win lose referee the was what a b c d e f g h"
        whole = encoder.tokenizer.encode(text, add_special_tokens=False).ids
        found = Windows(encoder, 10, 4).of([text])
        inner = [list(window[1:-1]) for window in found]
        starts = [whole.index(window[0]) for window in inner]
        assert (starts[0], inner[-1][-1]) == (0, whole[-1])
        assert all(whole[s : s + 8] == window for s, window in zip(starts, inner, strict=True))
        assert all(0 < later - sooner <= 8 for sooner, later in pairwise(starts))

    def test_a_spelt_special_token_means_its_letters(self, encoder: Encoder) -> None:
        padding = encoder.tokenizer.token_to_id("[PAD]")
        assert padding not in Windows(encoder, 32, 1).of(["[PAD] goal"])[0]

    def test_lengths_are_those_of_the_text_alone(self, encoder: Encoder) -> None:
        assert Windows(encoder, 16, 1).lengths(["what a goal", "win"]).tolist() == [3, 1]


class TestRows:
    def test_pooled_rows_are_means_maxima_and_first_tokens_of_every_block(
        self, encoder: Encoder, tmp_path: Path
    ) -> None:
        rows = extracted(encoder, FeatureSpec(32), tmp_path)
        assert rows.shape == (len(TEXTS), 1, 3 * len(encoder) * encoder.width)
        mean, largest, first = np.split(rows[1, 0].astype(np.float32), 3)
        ids = torch.tensor([encoder.tokenizer.encode(TEXTS[1]).ids])
        with torch.inference_mode():
            states = [encoder.run(digits(ids), stop=s + 1)[0, :, :-1] for s in range(len(encoder))]
        for found, expected in (
            (mean, torch.cat([state.mean(0) for state in states])),
            (largest, torch.cat([state.amax(0) for state in states])),
            (first, torch.cat([state[0] for state in states])),
        ):
            np.testing.assert_allclose(found, expected.numpy(), atol=5e-3)

    def test_equal_texts_have_equal_rows_wherever_they_stand(self, encoder: Encoder, tmp_path: Path) -> None:
        rows = extracted(encoder, FeatureSpec(32), tmp_path)
        np.testing.assert_array_equal(rows[0], rows[4])
        turned = extracted(encoder, FeatureSpec(32), tmp_path / "other", TEXTS[::-1])
        np.testing.assert_allclose(turned[::-1].astype(np.float32), rows.astype(np.float32), atol=2e-3)

    def test_of_several_windows_the_whole_goes_in_front(self, encoder: Encoder, tmp_path: Path) -> None:
        rows = extracted(encoder, FeatureSpec(16, frames=3), tmp_path).astype(np.float32)
        assert rows.shape[1] == 4
        width = len(encoder) * encoder.width
        np.testing.assert_allclose(rows[:, 0, :width], rows[:, 1:, :width].mean(1), atol=2e-3)
        np.testing.assert_allclose(
            rows[:, 0, width : 2 * width], rows[:, 1:, width : 2 * width].max(1), atol=2e-3
        )
        np.testing.assert_array_equal(rows[0, 1], rows[0, 3])

    @pytest.mark.parametrize("cut", [0, 2])
    def test_maps_at_the_cut_hold_their_own_mask(self, encoder: Encoder, tmp_path: Path, cut: int) -> None:
        rows = extracted(encoder, FeatureSpec(32, kept="map", cut=cut), tmp_path)
        x = torch.from_numpy(rows[:2, 0].astype(np.float32))
        assert x.shape[1] == 32
        ids = [torch.tensor([encoder.tokenizer.encode(text).ids]) for text in TEXTS[:2]]
        with torch.inference_mode():
            found = encoder.split.embed(encoder.run(encoder.trimmed(x, cut), start=cut))
            expected = torch.cat([encoder(digits(each)) for each in ids])
        assert encoder.trimmed(x, cut).shape[1] == max(each.shape[1] for each in ids)
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)

    def test_each_different_window_is_fed_once(self, encoder: Encoder) -> None:
        batches, _ = feed_for(encoder, FeatureSpec(16, frames=3)).deal(
            [np.array([t], object) for t in ("a", "b", "a")]
        )
        assert sum(len(batch) for batch in batches) == 2

    def test_batches_have_little_padding(self, encoder: Encoder) -> None:
        rng = np.random.default_rng(0)
        words = np.array(["goal", "match", "team", "great"])
        texts = [np.array([" ".join(rng.choice(words, n))], object) for n in rng.integers(1, 60, 400)]
        batches = list(feed_for(encoder, FeatureSpec(64)).deal(texts)[0])
        padding = sum(int((batch < 0).sum()) for batch in batches)
        assert padding < 0.1 * sum(batch.size for batch in batches)

    def test_a_second_time_nothing_is_computed(self, encoder: Encoder, tmp_path: Path) -> None:
        extractor = Extractor(encoder, FeatureSpec(32), TextDecoder(), tmp_path, "cpu")
        assert extractor.extract(orders(), Silent(), "a").computed == len(TEXTS)
        assert extractor.extract(orders(), Silent(), "a").computed == 0
