"""Where weights of video networks come from, and what is said when they are not there or do not fit.

Only random weights are at hand: they prove which file is read and what is refused, not accuracy.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from preseason import backbones
from preseason.backbones.folder import save_network
from preseason.backbones.hosted import HOSTED
from preseason.backbones.libraries.published_clips import PUBLISHED
from preseason.backbones.libraries.torchvision_clips import ENTRIES, create, preprocessing_of
from preseason.backbones.libraries.transformers_clips import KINDS
from preseason.backbones.library import libraries
from preseason.errors import ModelFolderError, UsageError, WeightsError
from preseason.errors.packages import MissingPackageError

ABSENT = {
    "r3d_18": ("https://download.pytorch.org/models/r3d_18-b3b3357e.pth", "put it here as", "--weights FILE"),
    "i3d": ("rgb_imagenet.pt of https://github.com/piergiaj", "model_rgb.pth of", "checkpoints or pass"),
    "c3d": ("c3d.pickle of https://github.com/DavideA", "mmaction2", "--weights FILE"),
    "videomae-base": ("https://huggingface.co/MCG-NJU/videomae-base", "--backbone FOLDER"),
    "facebook/timesformer-base-finetuned-k400": ("config.json", "--backbone FOLDER"),
}


@pytest.fixture(autouse=True)
def no_hubs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub folder of torch's, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", ABSENT)
def test_absent_weights_say_what_to_put_where(name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        backbones.load(name)
    for part in ("not on this machine", *ABSENT[name]):
        assert part in str(caught.value)


def test_weights_in_torchs_hub_folder_are_used(no_hubs: Path) -> None:
    network = create("r3d_18")
    torch.save(network.state_dict(), no_hubs / "r3d_18-b3b3357e.pth")
    info = {each.name: each for each in backbones.listing()}
    assert (info["r3d_18"].available, info["mc3_18"].available) == (True, False)
    found = backbones.load("r3d_18")
    own = found.preprocessing
    assert (own.size, own.frames, own.fewest_frames) == (112, 16, 8)
    assert own.mean == pytest.approx((0.43216, 0.394666, 0.37645))
    for name, value in network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value), name


def test_a_published_file_in_torchs_hub_folder_is_used(no_hubs: Path) -> None:
    torch.save(PUBLISHED["i3d"].build().state_dict(), no_hubs / "model_rgb.pth")
    assert backbones.load("i3d").licence == "mit"
    assert {each.name for each in backbones.listing() if each.modality == "video" and each.available} == {
        "i3d"
    }


@pytest.mark.parametrize("name", ["r3d_18", "i3d"])
def test_the_weights_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth does not fit .* Check that --backbone"):
        backbones.load(name, str(tmp_path / "other.pth"))


def tiny(folder: Path, model_type: str = "videomae", **settings: Any) -> Path:
    """A small network of transformers, written by transformers itself."""
    import transformers

    config = transformers.AutoConfig.for_model(
        model_type, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, **settings
    )
    getattr(transformers, KINDS[model_type].classifying)(config).save_pretrained(folder)
    return folder


def test_a_folder_of_transformers_is_a_backbone(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "mine", image_size=32, num_frames=4, intermediate_size=32)
    assert backbones.exists(str(folder))
    plain = backbones.load(str(folder))
    assert (plain.name, plain.library, plain.licence) == ("mine", "transformers", "unknown")
    assert (plain.preprocessing.size, plain.preprocessing.frames) == (32, 4)
    assert plain.preprocessing.mean == (0.485, 0.456, 0.406)
    given = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (folder / "preprocessor_config.json").write_text(json.dumps(given), "utf-8")
    told = backbones.load(str(folder))
    assert (told.preprocessing.mean, told.preprocessing.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert told.weights_id == plain.weights_id == backbones.load("videomae-base", str(folder)).weights_id
    assert backbones.load("videomae-base", str(folder / "model.safetensors")).licence == "cc-by-nc-4.0"


def test_a_checkpoint_of_pretraining_needs_no_classifier(tmp_path: Path) -> None:
    import transformers

    config = transformers.VideoMAEConfig(
        image_size=32, num_frames=4, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, decoder_hidden_size=24, decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2, decoder_intermediate_size=32,
    )  # fmt: skip
    written = transformers.VideoMAEForPreTraining(config)
    written.save_pretrained(tmp_path / "pretrained")
    one, other = (backbones.load(str(tmp_path / "pretrained")) for _ in range(2))
    assert one.weights_id == other.weights_id
    own: Any = one.network
    expected = written.videomae.encoder.layer[1].attention.attention.query.weight
    assert torch.equal(own.videomae.encoder.layer[1].attention.attention.query.weight, expected)


def test_the_encoder_of_vjepa2_is_kept_without_its_predictor(tmp_path: Path) -> None:
    import transformers

    config = transformers.VJEPA2Config(
        crop_size=32, frames_per_clip=4, hidden_size=48, num_hidden_layers=2, num_attention_heads=2,
        pred_hidden_size=48, pred_num_attention_heads=2, pred_num_hidden_layers=1,
    )  # fmt: skip
    transformers.VJEPA2Model(config).save_pretrained(tmp_path / "pretrained")
    found = backbones.load(str(tmp_path / "pretrained"))
    assert type(found.network).__name__ == "VJEPA2Model"
    assert not any("predictor" in name for name in found.network.state_dict())
    save_network(found, tmp_path / "saved")
    assert backbones.load(str(tmp_path / "saved")).weights_id == found.weights_id


def test_a_folder_with_missing_tensors_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny(tmp_path / "mine", image_size=32, num_frames=4, intermediate_size=32)
    tensors = load_file(folder / "model.safetensors")
    dropped = next(name for name in tensors if "layer.1" in name)
    save_file(
        {k: v for k, v in tensors.items() if k != dropped}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(WeightsError, match=r"mine does not fit VideoMAE.*: 1 tensors are absent, e\.g\. "):
        backbones.load(str(folder))


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "mine", image_size=32, num_frames=4, intermediate_size=32)
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(WeightsError, match=r"mine cannot be loaded as VideoMAEForVideoClassification: "):
        backbones.load(str(folder))


def test_weights_outside_such_a_folder_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"a\.pth is not in the folder of a video network .* videomae"):
        backbones.load("videomae-base", str(tmp_path / "a.pth"))
    assert not backbones.exists(str(tmp_path))


def test_without_transformers_the_command_to_install_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "timesformer"}', "utf-8")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'preseason\[text\]'"):
        backbones.load(str(tmp_path))


def test_an_unknown_name_suggests_the_nearest_video_network() -> None:
    with pytest.raises(UsageError, match="Did you mean 'r2plus1d_18'"):
        backbones.load("r2plus1d18")
    with pytest.raises(UsageError, match="Did you mean 'videomae-base'"):
        backbones.load("videomae_base")


def test_a_manifest_without_a_library_is_timms(tmp_path: Path) -> None:
    from preseason.backbones.folder import backbone_facts, load_network

    backbone = backbones.load("efficientnet_lite0")
    save_network(backbone, tmp_path / "network")
    facts = backbone_facts(backbone)
    assert facts.pop("library") == "timm"
    for later in ("frames", "bgr", "fewest_frames"):
        facts["preprocessing"].pop(later)
    again = load_network(tmp_path / "network", facts)
    assert (again.weights_id, again.preprocessing) == (backbone.weights_id, backbone.preprocessing)
    with pytest.raises(ModelFolderError, match="No library of networks is called 'tim'"):
        load_network(tmp_path / "network", facts | {"library": "tim"})


def test_the_facts_of_torchvision_networks_are_theirs() -> None:
    for name in ENTRIES:
        weights: Any = torchvision.models.get_model_weights(name).DEFAULT
        own = preprocessing_of(name)
        fewest = weights.meta.get("min_temporal_size", 1)
        assert own.frames >= fewest
        assert own.fewest_frames == 0 or own.fewest_frames >= fewest
        network = libraries.get("torchvision").rebuild(name, {}) if name == "mc3_18" else None
        if network is not None:
            assert sum(p.numel() for p in network.parameters()) == weights.meta["num_params"]


@pytest.mark.parametrize("name", ["videomae-base", "timesformer-base", "vjepa2-large", "vjepa2-large-ssv2"])
def test_the_parameters_that_are_listed_are_those_of_the_architecture(name: str) -> None:
    given: dict[str, dict[str, Any]] = {
        "videomae-base": {},
        "timesformer-base": {"num_labels": 400},
        "vjepa2-large": {},
        "vjepa2-large-ssv2": {"num_labels": 174},
    }
    model_type = name.split("-", maxsplit=1)[0]
    kind = KINDS[model_type]
    architecture = kind.bare if name == "vjepa2-large" else kind.classifying
    with torch.device("meta"):
        network = libraries.get("transformers").rebuild(
            architecture, {"model_type": model_type, **given[name]}
        )
    assert sum(p.numel() for p in network.parameters()) == HOSTED[name].parameters
