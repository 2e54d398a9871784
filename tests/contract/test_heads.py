"""What holds for every registered head, each on a small set that can be learnt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from preseason.backbones.base import Backbone
from preseason.backbones.folder import save_network
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.engine.passes import FeatureSpec
from preseason.errors import UsageError
from preseason.heads.base import TrainingSet, config_of, heads
from preseason.heads.contrastive import pairs_loss
from preseason.heads.sequence import Sequence, SequenceNetwork
from preseason.heads.tail import Tail, TailConfig, TailHead, TailKind, random_view
from preseason.inference.features import Features
from preseason.inference.head import Head, restore
from preseason.recipe import Recipe

N, CLASSES, PARTS, WIDTH, CUT = 48, 3, 5, 24, 6
IN_ORDER = [name for name in heads if isinstance(heads.get(name), Sequence)]
TAILS = [name for name in heads if isinstance(heads.get(name), TailKind)]
TARGETS = np.arange(N) % CLASSES


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    network = create("test_efficientnet")
    return Backbone("tiny", network, split_of(network), preprocessing_of(network), "none")


@pytest.fixture(params=list(heads))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def backbone_of(backbone: Backbone) -> Callable[[str], Backbone]:
    """The network a head is fitted on: additions to linear layers need one that has such layers."""
    torch.manual_seed(0)
    network = create("test_vit")
    vit = Backbone("tiny", network, split_of(network), preprocessing_of(network), "none")
    return lambda name: vit if name == "lora" else backbone


@dataclass(frozen=True)
class Seen:
    """A fitted head with the training set that it was fitted on."""

    training_set: TrainingSet
    head: Head


def pooled() -> np.ndarray:
    """Parts whose mean tells the class, float16 [n, parts, d]."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, WIDTH)) * 2
    return (centres[TARGETS][:, None] + rng.normal(size=(N, PARTS, WIDTH))).astype(np.float16)


@torch.inference_mode()
def maps(backbone: Backbone) -> np.ndarray:
    """Maps at the cut of pictures whose colour tells the class, float16 [n, looks, c, h, w]."""
    rng = np.random.default_rng(0)
    colours = rng.normal(size=(CLASSES, 3, 1, 1)) * 2
    side = 64 if backbone.preprocessing.resizable else backbone.preprocessing.size
    pictures = colours[TARGETS][:, None] + rng.normal(size=(N, 2, 3, side, side)) * 0.3
    rows = backbone.run(torch.from_numpy(pictures.astype(np.float32)).flatten(0, 1), stop=CUT)
    return rows.view(N, 2, *rows.shape[1:]).numpy().astype(np.float16)


def texts() -> np.ndarray:
    """Texts in which a word tells the class, object [n, 1]."""
    words = ("great goal", "awful pass", "kick-off at three")
    return np.array([[f"{words[t]} by number {i}"] for i, t in enumerate(TARGETS)], object)


def folds() -> list[tuple[np.ndarray, np.ndarray]]:
    everything = np.arange(N)
    return [(everything[everything // 3 % 4 != f], everything[everything // 3 % 4 == f]) for f in range(4)]


def lesson_for(name: str, backbone: Backbone, **rest: Any) -> TrainingSet:
    rows = maps(backbone) if name in TAILS else texts() if name in ("tfidf", "moods") else pooled()
    spec = FeatureSpec(64, kept="map", cut=CUT) if name in TAILS else FeatureSpec(64, frames=PARTS)
    asked = Recipe(epochs=15 if name in ("attention", *IN_ORDER) else 4, batch_size=16)
    config = config_of(name, asked)
    return TrainingSet(Features.of([rows]), TARGETS, CLASSES, folds(), 0, config, spec, backbone, **rest)


@pytest.fixture(scope="module")
def seen(backbone_of: Any) -> Any:
    found: dict[str, Seen] = {}

    def fitted(name: str) -> Seen:
        if name not in found:
            training_set = lesson_for(name, backbone_of(name))
            found[name] = Seen(training_set, heads.get(name).fit(training_set))
        return found[name]

    return fitted


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_reads_frames_makes_no_tensors_beside_its_device(name: str) -> None:
    kind = heads.get(name)
    assert isinstance(kind, Sequence)
    network = SequenceNetwork(kind.reader, WIDTH, CLASSES).to("meta").train()
    assert network(torch.zeros(2, PARTS, WIDTH, device="meta")).shape == (2, CLASSES)


@pytest.mark.gpu
@pytest.mark.parametrize("name", TAILS)
def test_what_is_tuned_on_cuda_answers_the_same_on_a_cpu(name: str, backbone_of: Any, tmp_path: Path) -> None:
    here = backbone_of(name)
    training_set = lesson_for(name, here)
    training_set = replace(training_set, device="cuda", checkpoint=tmp_path / "run.pt")
    tuned = heads.get(name).fit(training_set)
    assert isinstance(tuned, TailHead)
    assert all(each.is_cuda for each in tuned.tail.parameters())
    found = tuned.logits(training_set.features)
    assert (found.argmax(1) == TARGETS).mean() > 0.8
    same = restore(tuned.state(), here)
    assert np.abs(same.logits(training_set.features) - found).max() <= 0.01 * np.abs(found).max()
    again = heads.get(name).fit(replace(training_set, device="cpu"))
    assert np.abs(again.logits(training_set.features) - found).max() <= 0.01 * np.abs(found).max()


def tensors_of(head: Head) -> dict[str, bytes]:
    return {key: np.ascontiguousarray(value).tobytes() for key, value in head.state().arrays.items()}


def test_it_learns_what_can_be_learnt(name: str, seen: Any) -> None:
    fitted = seen(name)
    right = fitted.head.logits(fitted.training_set.features).argmax(1) == TARGETS
    assert right.mean() > 0.9


def test_the_shapes_are_those_promised(name: str, seen: Any) -> None:
    fitted = seen(name)
    features = fitted.training_set.features.take(np.array([3, 1, 4]))
    logits, vectors, attention = (
        f(features) for f in (fitted.head.logits, fitted.head.embed, fitted.head.attention)
    )
    assert (logits.dtype, logits.shape) == (np.float32, (3, CLASSES))
    assert (vectors.dtype, vectors.shape[0], vectors.ndim) == (np.float32, 3, 2)
    assert np.isfinite(logits).all()
    if attention is not None:
        assert attention.shape == (3, PARTS)
        np.testing.assert_allclose(attention.sum(1), 1, rtol=1e-5)


def test_examples_are_answered_one_by_one_as_together(name: str, seen: Any) -> None:
    fitted = seen(name)
    chosen = np.array([5, 2, 40])
    together = fitted.head.logits(fitted.training_set.features.take(chosen))
    alone = [fitted.head.logits(fitted.training_set.features.take(np.array([i])))[0] for i in chosen]
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


def test_a_stored_head_comes_back_and_answers_the_same(name: str, seen: Any, backbone_of: Any) -> None:
    fitted = seen(name)
    state = fitted.head.state()
    assert state.kind == name
    again = restore(state, backbone_of(name))
    features = fitted.training_set.features
    np.testing.assert_allclose(again.logits(features), fitted.head.logits(features), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again.embed(features), fitted.head.embed(features), rtol=1e-5, atol=1e-6)
    assert tensors_of(again) == tensors_of(fitted.head)


def test_one_seed_gives_the_same_bytes(name: str, seen: Any, backbone_of: Any) -> None:
    torch.rand(7)
    again = heads.get(name).fit(lesson_for(name, backbone_of(name)))
    assert tensors_of(again) == tensors_of(seen(name).head)


def test_fitting_leaves_the_backbone_as_it_was(name: str, seen: Any, backbone_of: Any) -> None:
    seen(name)
    backbone = backbone_of(name)
    again = Backbone("tiny", backbone.network, backbone.split, backbone.preprocessing, "none")
    assert again.weights_id == backbone.weights_id


def test_a_class_without_examples_is_no_failure(name: str, backbone_of: Any) -> None:
    training_set = lesson_for(name, backbone_of(name))
    some = np.flatnonzero(TARGETS != 2)
    head = heads.get(name).fit(training_set.part(some))
    assert head.logits(training_set.features.take(some)).shape == (len(some), CLASSES)


def test_a_finished_fit_is_taken_from_its_checkpoint(
    name: str, seen: Any, backbone_of: Any, tmp_path: Path
) -> None:
    training_set = lesson_for(name, backbone_of(name), checkpoint=tmp_path / "a.pt")
    first = heads.get(name).fit(training_set)
    assert tensors_of(first) == tensors_of(seen(name).head)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert tensors_of(heads.get(name).fit(training_set)) == tensors_of(first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times


class TestTail:
    """What only a fine-tuned tail can do."""

    def test_blocks_above_the_cut_are_trained_and_no_others(self, seen: Any, backbone: Backbone) -> None:
        tail = seen("tail").head.tail
        before, after = backbone.split.blocks, tail.backbone.split.blocks
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            pairs = zip(old.parameters(), new.parameters(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs) == (index < CUT), index

    def test_normalisation_statistics_stay_pretrained(self, seen: Any, backbone: Backbone) -> None:
        own = dict(seen("tail").head.tail.network.named_buffers())
        assert own
        assert all(torch.equal(value, own[name]) for name, value in backbone.network.named_buffers())

    def test_lower_blocks_learn_more_slowly(self, backbone: Backbone) -> None:
        rates = [group["lr"] for group in Tail(backbone, 0, CLASSES).groups(1e-4)]
        assert rates == sorted(rates, reverse=True)
        assert rates[-1] < rates[1]

    @pytest.mark.parametrize("network", ["test_vit", "mobilenetv3_small_050", "regnetx_002"])
    def test_with_no_block_frozen_every_parameter_is_trained(self, network: str) -> None:
        built = create(network)
        backbone = Backbone(network, built, split_of(built), preprocessing_of(built), "none")
        tail = Tail(backbone, 0, CLASSES)
        trained = {id(p) for group in tail.groups(1e-4) for p in group["params"]}
        classifier = built.pretrained_cfg["classifier"]
        for name, parameter in tail.network.named_parameters():
            assert (id(parameter) in trained) == (not name.startswith(f"{classifier}.")), name

    def test_it_opens_in_timm_with_its_labels(self, seen: Any, backbone: Backbone, tmp_path: Path) -> None:
        head = seen("tail").head
        assert isinstance(head, TailHead)
        save_network(backbone, tmp_path / "tuned", head.timm_tensors(), ("a", "b", "c"))
        opened = timm.create_model(f"local-dir:{tmp_path / 'tuned'}", pretrained=True).eval()
        assert opened.num_classes == CLASSES
        x = torch.randn(2, 3, 64, 64)
        with torch.inference_mode():
            expected = head.tail(head.tail.backbone.run(x, stop=CUT))
            torch.testing.assert_close(opened(x), expected, rtol=1e-4, atol=1e-4)

    def test_without_a_backbone_it_says_what_is_missing(self, backbone: Backbone) -> None:
        training_set = replace(lesson_for("tail", backbone), backbone=None)
        with pytest.raises(ValueError, match="made of a backbone's blocks"):
            heads.get("tail").fit(training_set)


class TestContrastive:
    """What only pairs teach."""

    def test_examples_of_a_class_come_together(self, seen: Any, backbone: Backbone) -> None:
        fitted = seen("contrastive")
        before = TailHead(Tail(backbone, CUT, CLASSES), 0).embed(fitted.training_set.features)
        after = fitted.head.embed(fitted.training_set.features)
        assert apart(after) < 0.9 * apart(before)

    def test_the_loss_is_least_where_classes_are_apart(self) -> None:
        targets = torch.tensor([0, 0, 1, 1])
        apart = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
        mixed = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
        assert pairs_loss(apart, targets) == 0
        assert pairs_loss(mixed, targets) == pytest.approx(2 / 3)
        assert pairs_loss(apart[:1], targets[:1]) == 0


def apart(vectors: np.ndarray) -> float:
    """The loss of pairs of these vectors."""
    unit = torch.nn.functional.normalize(torch.from_numpy(vectors), dim=1)
    return float(pairs_loss(unit, torch.from_numpy(TARGETS)))


class TestLora:
    """What only additions do."""

    def test_only_additions_and_the_classifier_are_stored(self, seen: Any) -> None:
        arrays = seen("lora").head.state().arrays
        assert all("lora_" in key or key.startswith("classifier.") for key in arrays)
        assert len(arrays) > 4

    def test_worked_into_the_weights_they_answer_the_same(
        self, seen: Any, backbone_of: Any, tmp_path: Path
    ) -> None:
        head = seen("lora").head
        save_network(backbone_of("lora"), tmp_path / "tuned", head.timm_tensors(), ("a", "b", "c"))
        opened = timm.create_model(f"local-dir:{tmp_path / 'tuned'}", pretrained=True).eval()
        side = opened.pretrained_cfg["input_size"][1]
        x = torch.randn(2, 3, side, side)
        with torch.inference_mode():
            expected = head.tail(head.tail.backbone.run(x, stop=CUT))
            torch.testing.assert_close(opened(x), expected, rtol=1e-4, atol=1e-4)
            plain = backbone_of("lora").network.forward_features(x)
            assert not torch.allclose(opened.forward_features(x), plain, atol=1e-4)

    def test_a_network_without_linear_layers_is_refused(self, backbone: Backbone) -> None:
        with pytest.raises(UsageError, match="tiny has no linear layers above the cut"):
            heads.get("lora").fit(lesson_for("lora", backbone))


class TestTfidf:
    """What only counted words do."""

    def test_it_names_the_words_that_speak_for_a_class(self, seen: Any) -> None:
        head = seen("tfidf").head
        assert set(head.words(1, 3)) & {"awful", "pass", "awful pass"}

    def test_links_and_mentions_are_not_counted(self, seen: Any) -> None:
        head = seen("tfidf").head
        texts = np.array([["great goal"], ["@x GREAT goal https://t.co/abc"]], object)
        logits = head.logits(Features.of([texts]))
        np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)

    def test_rows_that_are_no_texts_are_refused(self, backbone: Backbone) -> None:
        with pytest.raises(UsageError, match="--head tfidf counts words: it is for texts"):
            heads.get("tfidf").fit(lesson_for("linear", backbone))


def test_the_textbook_head_takes_flattened_maps(backbone: Backbone) -> None:
    training_set = lesson_for("mlp", backbone)
    flat = replace(training_set, features=Features.of([maps(backbone)]))
    head = heads.get("mlp").fit(flat)
    assert (head.logits(flat.features).argmax(1) == TARGETS).mean() > 0.9
    assert head.embed(flat.features).shape == (N, maps(backbone).shape[2])


CLIP_FRAMES = 3


def moving(backbone: Backbone) -> np.ndarray:
    """Maps at the cut of clips that differ in the order of their colours alone, [n, t x views, c, h, w]."""
    rng = np.random.default_rng(0)
    colours = np.array([[0, 0, 2], [0, 2, 0], [2, 0, 0]])[TARGETS]
    frames = (
        colours[:, :, None, None, None] * np.ones((1, 1, 3, 64, 64))
        + rng.normal(size=(N, 3, 3, 64, 64)) * 0.2
    )
    views = np.stack([frames, frames[..., ::-1]], axis=2).reshape(-1, 3, 64, 64).astype(np.float32)
    with torch.inference_mode():
        rows = backbone.run(torch.from_numpy(views), stop=CUT)
    return rows.view(N, CLIP_FRAMES * 2, *rows.shape[1:]).numpy().astype(np.float16)


class TestTailOfClips:
    """A tail over the frames of clips, with and without a head that reads them in order."""

    def training_set(self, backbone: Backbone, reader: str | None, epochs: int) -> TrainingSet:
        spec = FeatureSpec(64, kept="map", cut=CUT, frames=CLIP_FRAMES)
        config = TailConfig(epochs, batch_size=16, temporal_head=reader, frames_per_step=CLIP_FRAMES)
        return TrainingSet(Features.of([moving(backbone)]), TARGETS, CLASSES, (), 0, config, spec, backbone)

    @pytest.mark.parametrize("reader", IN_ORDER)
    def test_with_a_reader_the_order_of_frames_is_learnt(self, backbone: Backbone, reader: str) -> None:
        training_set = self.training_set(backbone, reader, 30)
        head = heads.get("tail").fit(training_set)
        assert (head.logits(training_set.features).argmax(1) == TARGETS).mean() > 0.9

    def test_without_one_the_order_counts_in_the_changes_alone(self, backbone: Backbone) -> None:
        rows = moving(backbone)
        head = heads.get("tail").fit(self.training_set(backbone, None, 1))
        back = rows.reshape(N, CLIP_FRAMES, 2, *rows.shape[2:])[:, ::-1].reshape(rows.shape)
        forward, backward = (head.logits(Features.of([r])) for r in (rows, np.ascontiguousarray(back)))
        np.testing.assert_allclose(forward, backward, rtol=1e-3, atol=1e-4)

    def test_a_step_sees_one_frame_of_each_stretch_of_time(self) -> None:
        rows = np.broadcast_to(np.arange(8.0, dtype=np.float16)[None, :, None], (2, 8, 1)).copy()
        batch = random_view(Features.of([rows]), frames=8, shown=2)
        rng = np.random.default_rng(0)
        drawn = np.concatenate([batch(np.array([0, 1]), rng).numpy()[..., 0] for _ in range(100)])
        assert set(drawn[:, 0]) == {0, 1, 2, 3}
        assert set(drawn[:, 1]) == {4, 5, 6, 7}
        lags = drawn[:, 1] - drawn[:, 0]
        assert lags.mean() == pytest.approx(4, abs=0.4), "as far apart as the frames whose change is read"

    @pytest.mark.parametrize("reader", [None, "gru"])
    def test_it_comes_back_from_plain_values(self, backbone: Backbone, reader: str | None) -> None:
        training_set = self.training_set(backbone, reader, 1)
        head = heads.get("tail").fit(training_set)
        again = restore(head.state(), backbone)
        np.testing.assert_allclose(
            again.logits(training_set.features), head.logits(training_set.features), atol=1e-5
        )
        assert again.embed(training_set.features).shape == head.embed(training_set.features).shape

    def test_a_head_that_reads_no_frames_is_refused(self, backbone: Backbone) -> None:
        with pytest.raises(UsageError, match="--head linear cannot be trained together with blocks"):
            heads.get("tail").fit(self.training_set(backbone, "linear", 1))
