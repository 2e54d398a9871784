"""What holds for transformers' networks of sounds of every kind, with random weights."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from local_hub import reached, served
from preseason import backbones
from preseason.backbones.base import Backbone
from preseason.backbones.families.chains import parameters_of
from preseason.backbones.folder import backbone_facts, load_network, random_copy, save_network
from preseason.backbones.libraries.transformers_sounds import KINDS, Listener, from_folder
from preseason.backbones.sounds.blocks import AUDIOSET, SPLITS
from preseason.engine.feeds.base import feed_for
from preseason.engine.networks import TOLERANCE, OpenVinoEngine, compile_network
from preseason.engine.passes import FeatureSpec
from preseason.errors import WeightsError
from preseason.heads.tail import Tail
from tones import chirp, tone

transformers = pytest.importorskip("transformers")
LAYERS = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
CONVOLUTIONS = {
    "conv_dim": [16] * 3, "conv_kernel": [80, 8, 4], "conv_stride": [40, 4, 2], "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
LARGE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
WHISPER = {
    "d_model": 24, "encoder_layers": 3, "encoder_attention_heads": 2, "encoder_ffn_dim": 48,
    "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 48, "vocab_size": 60,
    "max_source_positions": 50, "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1,
    "decoder_start_token_id": 1,
}  # fmt: skip
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "ast": ("AST", LAYERS | {"max_length": 32}),
    "wav2vec2": ("Wav2Vec2", LAYERS | CONVOLUTIONS),
    "wav2vec2-large": ("Wav2Vec2", LAYERS | CONVOLUTIONS | LARGE),
    "hubert": ("Hubert", LAYERS | CONVOLUTIONS),
    "wavlm": ("WavLM", LAYERS | CONVOLUTIONS),
    "wavlm-large": ("WavLM", LAYERS | CONVOLUTIONS | LARGE),
    "whisper": ("Whisper", WHISPER),
}


def whole(name: str) -> Any:
    """The network as transformers has it, with random weights in place of the zeros it begins with."""
    torch.manual_seed(0)
    kind, values = CONFIGS[name]
    config = getattr(transformers, f"{kind}Config")(**values)
    network = getattr(transformers, f"{kind}Model")(config).float().eval()
    for parameter in network.parameters():
        if parameter.abs().max() == 0:
            torch.nn.init.normal_(parameter, std=0.2)
    return network


def extractor(name: str) -> Any:
    if name == "ast":
        with warnings.catch_warnings():
            # Its lowest bands are narrower than its bins.
            warnings.simplefilter("ignore")
            return transformers.ASTFeatureExtractor(max_length=32)
    if name == "whisper":
        return transformers.WhisperFeatureExtractor(chunk_length=1)
    return transformers.Wav2Vec2FeatureExtractor(do_normalize=True)


KINDS_OF = [name for name in CONFIGS if not name.endswith("-large")]
"""One of each; the others differ in the order of their parts alone."""


@pytest.fixture(scope="module", params=KINDS_OF)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(name)
    whole(name).save_pretrained(made)
    extractor(name).save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def made(folder: Path, name: str) -> Listener:
    return from_folder(folder, name, "none")


def waves(seconds: float = 0.4) -> torch.Tensor:
    """Two sounds, float32 [2, samples]."""
    return torch.from_numpy(np.stack([chirp(200, 3000, seconds), tone(700, seconds)]))


def test_every_kind_is_tried() -> None:
    kinds = {getattr(transformers, f"{kind}Config").model_type for kind, _ in CONFIGS.values()}
    assert kinds == set(KINDS) == set(SPLITS)


@pytest.mark.parametrize("name", list(CONFIGS))
@torch.inference_mode()
def test_blocks_one_after_the_other_are_the_network(name: str) -> None:
    # Of the length that Whisper and the spectrogram transformer are made for, front end included.
    seconds = {"ast": (400 + 31 * 160) / 16_000, "whisper": 1.0}.get(name, 0.4)
    sounds = waves(seconds)
    given = extractor(name)(list(sounds.numpy()), sampling_rate=16_000, return_tensors="pt")
    network = whole(name).encoder if name == "whisper" else whole(name)
    expected = network(next(iter(given.values()))).last_hidden_state
    heard = {"ast": AUDIOSET, "whisper": {}}.get(name, {"standardised": True})
    found = Listener(name, network, heard, "none", {}).run(sounds)
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)


@torch.inference_mode()
def test_it_hears_any_length_and_its_maps_lie_in_time(made: Listener) -> None:
    for seconds in (0.25, 0.5):
        found = made.maps(waves(seconds), range(len(made)))
        assert {each.shape[:2] for each in found} == {(2, 24)}
        assert made(waves(seconds)).shape == (2, made.width)
    halves = waves(0.8)
    halves[0, 6_400:] = 0
    moments = made.maps(halves, [0])[0].mean(3)
    middle = moments.shape[2] // 2
    changed = (made.maps(waves(0.8), [0])[0].mean(3) - moments)[0].abs().mean(0)
    assert changed[middle + 1 :].mean() > changed[: middle - 1].mean()


def test_trunk_then_tail_is_the_whole_and_every_parameter_is_of_a_block(made: Listener) -> None:
    with torch.inference_mode():
        expected = made.run(waves())
        for cut in range(len(made)):
            torch.testing.assert_close(made.run(made.run(waves(), stop=cut), start=cut), expected)
    found = {id(each) for block in made.split.blocks for each in parameters_of(block)}
    left = {key for key, each in made.network.named_parameters() if id(each) not in found}
    assert left <= {"masked_spec_embed"}


def test_openvino_rows_are_torchs_in_batches_of_other_sizes(made: Listener, tmp_path: Path) -> None:
    feed = feed_for(made, FeatureSpec(6_400, blocks=(1, 3), frames=4))
    assert feed.row_shape(feed.out_shape()) == (4, 48)
    notes: list[str] = []
    engine = compile_network(feed.module, feed.trials()[0], "key", tmp_path, "cpu", notes.append)
    assert isinstance(engine, OpenVinoEngine), notes
    several = waves().repeat(2, 1)[:3]
    with torch.inference_mode():
        expected = feed.module(several).numpy()
    assert np.abs(engine.start(several.numpy())() - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_a_saved_network_is_the_same_and_transformers_opens_it(made: Listener, tmp_path: Path) -> None:
    save_network(made, tmp_path)
    again = load_network(tmp_path, backbone_facts(made))
    assert isinstance(again, Listener)
    assert (again.weights_id, again.heard, again.modality) == (made.weights_id, made.heard, "sound")
    with torch.inference_mode():
        torch.testing.assert_close(again(waves()), made(waves()))
    other = random_copy(made, 1)
    assert other.weights_id != made.weights_id
    assert other(waves()).shape == made(waves()).shape


def test_a_tail_learns(made: Backbone) -> None:
    tail = Tail(made, len(made) - 1, 2).train()
    loss = tail(made.run(waves(), stop=len(made) - 1).detach()).square().sum()
    loss.backward()
    trained = [each for each in parameters_of(tail.backbone.split.blocks[-1]) if each.grad is not None]
    assert trained


def test_a_folder_and_a_name_of_the_hub_are_backbones(
    folder: Path, made: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert backbones.load(str(folder)).weights_id == made.weights_id
    with served() as (address, hub):
        reached(address, tmp_path, monkeypatch)
        offered = {path.name: path.read_bytes() for path in folder.iterdir()}
        hub.files["someone/whisper-of-ours"] = offered | {"modeling_own.py": b"raise SystemExit"}
        assert backbones.load("someone/whisper-of-ours").weights_id == made.weights_id
    # Without a network and under a name that tells nothing, the cache says what it is.
    (tmp_path / "models--someone--whisper-of-ours").rename(tmp_path / "models--someone--heard")
    assert backbones.load("someone/heard").weights_id == made.weights_id
    assert not list(tmp_path.rglob("*.py"))


def test_only_safetensors_of_whole_networks_for_16_khz_are_read(tmp_path: Path) -> None:
    whole("hubert").save_pretrained(tmp_path)
    rate = tmp_path / "preprocessor_config.json"
    rate.write_text(json.dumps({"sampling_rate": 8000}))
    with pytest.raises(WeightsError, match="8000 samples a second"):
        backbones.load(str(tmp_path))
    rate.unlink()
    tensors = load_file(tmp_path / "model.safetensors")
    left = {key: value for key, value in tensors.items() if "layers.1" not in key}
    save_file(left, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="tensors are absent"):
        backbones.load(str(tmp_path))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="can hold code"):
        backbones.load(str(tmp_path))


def test_a_name_that_cannot_be_loaded_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"huggingface\.co/facebook/wav2vec2-base into one folder"):
        backbones.load("facebook/wav2vec2-base")
