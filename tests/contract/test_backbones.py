"""What holds for a network of every family, with random weights: blocks, cuts, engine, weight files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from preseason import backbones
from preseason.backbones.base import Backbone, as_map, families
from preseason.backbones.families.chains import parameters_of
from preseason.backbones.folder import backbone_facts, load_network, random_copy, save_network
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.networks import TOLERANCE, OpenVinoEngine, compile_network
from preseason.engine.passes import WHOLE, FeatureSpec, grid
from preseason.errors import UsageError, WeightsError
from preseason.heads.tail import Tail

NAMES = {
    "test_resnet": "ResNet",
    "vgg11": "VGG",
    "mobilenetv2_035": "EfficientNet",
    "mobilenetv3_small_050": "MobileNetV3",
    "test_efficientnet": "EfficientNet",
    "test_convnext": "ConvNeXt",
    "test_vit": "VisionTransformer",
    "swin_tiny_patch4_window7_224": "SwinTransformer",
    "regnetx_002": None,
    "deit_tiny_distilled_patch16_224": None,
}
"""timm name and the registered family it belongs to, None for families that are not known."""
LARGE = {"vgg11", "swin_tiny_patch4_window7_224"}
SLOW = LARGE | {"mobilenetv2_035", "regnetx_002", "deit_tiny_distilled_patch16_224"}
TOLERANCE_CUDA = 0.03
"""Largest difference of rows computed in float16, relative to the largest value."""
PARAMETERS = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in NAMES]


def backbone_called(name: str) -> Backbone:
    torch.manual_seed(0)
    network = create(name)
    return Backbone(name, network, split_of(network), preprocessing_of(network), "none")


@pytest.fixture(scope="module", params=PARAMETERS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return backbone_called(request.param)


@pytest.fixture
def light(backbone: Backbone) -> Backbone:
    """Each network but those whose files are hundreds of megabytes."""
    if backbone.name in LARGE:
        pytest.skip("files of the smaller networks show the same")
    return backbone


def side_of(backbone: Backbone) -> int:
    return 64 if backbone.preprocessing.resizable else backbone.preprocessing.size


def batch_for(backbone: Backbone, count: int = 2) -> torch.Tensor:
    side = side_of(backbone)
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def pictures_for(backbone: Backbone, count: int = 2) -> np.ndarray:
    shape = (count, side_of(backbone), side_of(backbone), 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_every_registered_family_is_tried() -> None:
    assert set(families) <= set(NAMES.values())


def test_it_falls_into_the_blocks_of_its_family(backbone: Backbone) -> None:
    kind = type(backbone.network).__name__
    assert kind == (NAMES[backbone.name] or kind)
    assert (len(backbone) == 1) == (NAMES[backbone.name] is None)
    assert len(backbone.split.names) == len(set(backbone.split.names)) == len(backbone)


@torch.inference_mode()
def test_blocks_one_after_the_other_are_the_network(backbone: Backbone) -> None:
    x, network = batch_for(backbone), backbone.network
    features = network.forward_features(x)
    torch.testing.assert_close(backbone.run(x), features)
    torch.testing.assert_close(backbone(x), network.forward_head(features, pre_logits=True))
    assert backbone(x).ndim == 2


@torch.inference_mode()
def test_trunk_then_tail_is_the_whole_at_every_cut(backbone: Backbone) -> None:
    x = batch_for(backbone, 1)
    whole = backbone.run(x)
    for cut in range(len(backbone) + 1):
        torch.testing.assert_close(backbone.run(backbone.run(x, stop=cut), start=cut), whole)


@torch.inference_mode()
def test_maps_are_square_channels_first_and_lie_as_the_picture_does(backbone: Backbone) -> None:
    x = batch_for(backbone, 1)
    maps = backbone.maps(x, range(len(backbone)))
    assert len(maps) == len(backbone)
    assert all(m.ndim == 4 and m.shape[2] == m.shape[3] for m in maps)
    upper, lower = x.clone(), x.clone()
    side = x.shape[2] // 2
    upper[:, :, :side] += 1
    lower[:, :, side:] += 1
    change = [(backbone.maps(y, (0,))[0] - maps[0]).abs().mean((0, 1, 3)) for y in (upper, lower)]
    if len(maps[0][0, 0]) > 4 and NAMES[backbone.name] is not None:
        assert change[0][0] > change[0][-1]
        assert change[1][-1] > change[1][0]


def test_every_parameter_but_the_classifiers_belongs_to_a_block(backbone: Backbone) -> None:
    found = {id(p) for block in backbone.split.blocks for p in parameters_of(block)}
    found |= {id(p) for p in parameters_of(backbone.split.embed)}
    classifier: Any = backbone.network.pretrained_cfg["classifier"]  # type: ignore[index]
    own = tuple(f"{name}." for name in ((classifier,) if isinstance(classifier, str) else classifier))
    for name, parameter in backbone.network.named_parameters():
        assert (id(parameter) in found) == (not name.startswith(own)), name


def run_by_torch(backbone: Backbone, kept: str) -> tuple[FrozenFeatures, np.ndarray, np.ndarray]:
    """A pass up to the last block, pictures, and their rows by eager torch on the CPU."""
    spec = FeatureSpec(
        side_of(backbone), regions=(WHOLE, *grid(2, 0.5)), kept=kept, cut=max(len(backbone) - 1, 0)
    )
    module, pictures = FrozenFeatures(backbone, spec), pictures_for(backbone, 3)
    with torch.inference_mode():
        return module, pictures, module(torch.from_numpy(pictures)).numpy()


@pytest.mark.parametrize("kept", ["pooled", "map"])
def test_openvino_rows_are_torchs(backbone: Backbone, tmp_path: Path, kept: str) -> None:
    module, pictures, expected = run_by_torch(backbone, kept)
    engine = compile_network(module, pictures[:2], "key", tmp_path, "cpu", pytest.fail)
    assert isinstance(engine, OpenVinoEngine)
    found = engine.start(pictures)()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_a_tail_makes_no_tensors_beside_its_device(backbone: Backbone) -> None:
    cut = max(len(backbone) - 1, 0)
    with torch.inference_mode():
        maps = backbone.run(batch_for(backbone), stop=cut)
    tail = Tail(backbone, cut, 3).placed("meta").train()
    logits = tail(maps.clone().to("meta"))
    assert (logits.device.type, tuple(logits.shape)) == ("meta", (2, 3))
    assert not any(each.is_meta for each in backbone.parameters())


@pytest.mark.gpu
@pytest.mark.parametrize("kept", ["pooled", "map"])
def test_cuda_rows_are_a_cpus(backbone: Backbone, tmp_path: Path, kept: str) -> None:
    module, pictures, expected = run_by_torch(backbone, kept)
    found = compile_network(module, pictures[:2], "key", tmp_path, "cuda", pytest.fail).start(pictures)()
    assert np.abs(found - expected).max() <= TOLERANCE_CUDA * np.abs(expected).max()
    assert not any(each.is_cuda for each in backbone.parameters())


@pytest.mark.gpu
def test_a_tail_on_cuda_answers_as_on_a_cpu(backbone: Backbone) -> None:
    cut = max(len(backbone) - 1, 0)
    with torch.inference_mode():
        maps = backbone.run(batch_for(backbone), stop=cut)
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        tail = Tail(backbone, cut, 3).placed(device).eval()
        logits = tail(maps.clone().to(tail.device))
        logits.sum().backward()
        found.append(logits.detach().cpu())
    assert (found[0] - found[1]).abs().max() <= TOLERANCE_CUDA * found[0].abs().max()


def test_weights_come_from_files_and_folders(light: Backbone, tmp_path: Path) -> None:
    tensors = light.network.state_dict()
    save_file(tensors, tmp_path / "a.safetensors")
    torch.save({"state_dict": tensors}, tmp_path / "b.pth")
    (tmp_path / "folder").mkdir()
    save_file(tensors, tmp_path / "folder" / "model.safetensors")
    for place in ("a.safetensors", "b.pth", "folder"):
        loaded = backbones.load(light.name, str(tmp_path / place))
        assert loaded.weights_id == light.weights_id, place


def test_a_saved_network_opens_here_and_in_timm(light: Backbone, tmp_path: Path) -> None:
    save_network(light, tmp_path / "network")
    again = load_network(tmp_path / "network", backbone_facts(light))
    assert (again.weights_id, again.preprocessing) == (light.weights_id, light.preprocessing)
    opened = timm.create_model(f"local-dir:{tmp_path / 'network'}", pretrained=True).eval()
    x = batch_for(light)
    with torch.inference_mode():
        torch.testing.assert_close(opened(x), light.network(x))
        torch.testing.assert_close(again(x), light(x))
    assert tuple(opened.pretrained_cfg["mean"]) == light.preprocessing.mean


def test_random_weights_are_drawn_by_the_seed_alone(light: Backbone) -> None:
    state = torch.get_rng_state()
    one, other, third = random_copy(light, 1), random_copy(light, 1), random_copy(light, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.weights_id == other.weights_id != third.weights_id
    assert one.preprocessing == light.preprocessing
    assert not backbones.exists(one.name)


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file(create("test_resnet").state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"a\.safetensors does not fit ResNet: .* Check that --backbone"):
        backbones.load("resnet18", str(tmp_path / "a.safetensors"))
    with pytest.raises(WeightsError, match="There is no weight file"):
        backbones.load("resnet18", str(tmp_path / "absent"))


def test_an_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"There is no backbone 'resnet5O'\. Did you mean 'resnet50"):
        backbones.load("resnet5O")


def test_absent_weights_say_what_to_put_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError) as caught:
        backbones.load("resnet18")
    for part in (
        "not on this machine",
        "https://huggingface.co/timm/resnet18",
        "--weights PATH/model.safetensors",
    ):
        assert part in str(caught.value)


def embedded() -> Backbone:
    return backbones.load("efficientnet_lite0")


def test_the_embedded_network_is_there_without_a_network() -> None:
    found = embedded()
    assert (found.name, found.licence, len(found)) == ("efficientnet_lite0", "apache-2.0", 9)
    assert found.weights_id == embedded().weights_id
    backbones.listing()
    info = next(item for item in backbones.listing() if item.name == found.name)
    assert info.available
    assert info.parameters == sum(p.numel() for p in found.network.parameters())


def test_the_embedded_weights_lie_where_they_belong() -> None:
    """Trained statistics fit the activations: each normalisation gives what its own shift and scale say."""
    network: Any = embedded().network
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(name: str) -> Any:
        def hook(module: Any, given: tuple[torch.Tensor], _: Any) -> None:
            seen[name] = (given[0].mean((0, 2, 3)), module.running_mean)

        return hook

    for name, part in network.named_modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.register_forward_hook(note(name))
    rng = np.random.default_rng(0)
    ramp = np.kron(rng.integers(0, 256, (8, 7, 7, 3)), np.ones((1, 32, 32, 1))).astype(np.uint8)
    with torch.inference_mode():
        FrozenFeatures(embedded_of(network), FeatureSpec(224))(torch.from_numpy(ramp))
    likeness = [float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in seen.values()]
    assert len(likeness) > 30
    assert np.median(likeness) > 0.6


def embedded_of(network: Any) -> Backbone:
    found = embedded()
    return Backbone("x", network, split_of(network), found.preprocessing, "none")


def test_preprocessing_follows_timm_but_for_large_transformers() -> None:
    with torch.device("meta"):
        large, plain = (preprocessing_of(timm.create_model(n)) for n in ("resnet50", "vit_small_patch16_224"))
    assert large.resizable
    assert not plain.resizable
    assert preprocessing_of(create("vit_tiny_patch16_384")).size == 384
    assert preprocessing_of(create("vit_small_patch14_dinov2")).size == 224


@torch.inference_mode()
def test_tokens_become_the_map_that_they_were_cut_from() -> None:
    backbone = backbone_called("vit_tiny_patch16_224")
    tokens = torch.arange(1 + 196.0).view(1, 197, 1)
    found = as_map(tokens, replace(backbone.split, prefix_tokens=1))
    assert found.shape == (1, 1, 14, 14)
    assert found[0, 0, 0, 0] == 1
    assert found[0, 0, 13, 0] == 1 + 13 * 14
