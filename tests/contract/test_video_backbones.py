"""What holds for a video network of every family: blocks, cuts, maps in space and time, saving, the engine.

Only random weights are at hand here. They prove shapes, wiring and equality with the library's own answer;
they say nothing about accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torchvision.models.video.mvit import MSBlockConfig, MViT

from preseason.backbones.base import Backbone, clip_families
from preseason.backbones.facts import Preprocessing
from preseason.backbones.families.chains import parameters_of
from preseason.backbones.folder import backbone_facts, load_network, random_copy, save_network
from preseason.backbones.library import libraries
from preseason.backbones.video.drawing import draw_for_relu
from preseason.engine.extract import Extractor
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.networks import TOLERANCE, OpenVinoEngine, TorchEngine, compile_network
from preseason.engine.passes import WHOLE, FeatureSpec, grid
from preseason.errors import UsageError
from preseason.heads.tail import Tail


def small_mvit(relative: bool) -> nn.Module:
    """Three blocks, of which the second halves height and width, in the manner of version 2 or 1."""
    step = {"kernel_q": [3, 3, 3], "kernel_kv": [3, 3, 3], "stride_kv": [1, 2, 2]}
    settings = [
        MSBlockConfig(num_heads=1, input_channels=8, output_channels=16, stride_q=[1, 1, 1], **step),
        MSBlockConfig(num_heads=2, input_channels=16, output_channels=16, stride_q=[1, 2, 2], **step),
        MSBlockConfig(num_heads=2, input_channels=16, output_channels=16, stride_q=[1, 1, 1], **step),
    ]
    network: Any = MViT(
        (32, 32), 4, settings, relative, not relative, relative, proj_after_attn=False, num_classes=5
    )
    network.pretrained_cfg = {"architecture": "mvit_v2_s", "classifier": "head.1"}
    return network.eval()


def tiny_transformer(architecture: str, model_type: str, **settings: Any) -> nn.Module:
    given = {"model_type": model_type, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    return libraries.get("transformers").rebuild(architecture, given | settings)


def tiny_videomae(pooled: bool) -> nn.Module:
    return tiny_transformer(
        "VideoMAEForVideoClassification", "videomae",
        image_size=32, num_frames=4, intermediate_size=32, use_mean_pooling=pooled,
    )  # fmt: skip


def tiny_timesformer() -> nn.Module:
    return tiny_transformer(
        "TimesformerForVideoClassification", "timesformer", image_size=32, num_frames=3, intermediate_size=32
    )


def tiny_vjepa2(architecture: str) -> nn.Module:
    predictor = {"pred_hidden_size": 48, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    return tiny_transformer(
        architecture, "vjepa2", crop_size=32, frames_per_clip=4, num_pooler_layers=1, **predictor
    )


@dataclass(frozen=True)
class Case:
    """A network and the smallest input that shows what it does.

    Attributes:
        family: name of its class.
        whole: side that the library's own `forward` needs, where it needs a larger one.
        saved: whether its library can build it again from its name (not what this file puts together).
        converts: whether OpenVINO can run it.
    """

    build: Callable[[], nn.Module]
    family: str
    library: str
    frames: int
    side: int
    whole: int = 0
    saved: bool = True
    converts: bool = True


TORCHVISION, OURS, TRANSFORMERS = "torchvision", "published", "transformers"


def named(library: str, family: str, name: str, frames: int, side: int, **more: Any) -> Case:
    """A case that its library builds by name."""
    return Case(lambda: libraries.get(library).rebuild(name, {}), family, library, frames, side, **more)


CASES = {
    "r3d_18": named(TORCHVISION, "VideoResNet", "r3d_18", 4, 32),
    "mc3_18": named(TORCHVISION, "VideoResNet", "mc3_18", 8, 64),
    "r2plus1d_18": named(TORCHVISION, "VideoResNet", "r2plus1d_18", 8, 64),
    "s3d": named(TORCHVISION, "S3D", "s3d", 14, 64, whole=224),
    "mvit-1": Case(lambda: small_mvit(relative=False), "MViT", TORCHVISION, 4, 32, saved=False),
    "mvit-2": Case(lambda: small_mvit(relative=True), "MViT", TORCHVISION, 4, 32, saved=False),
    "mvit_v1_b": named(TORCHVISION, "MViT", "mvit_v1_b", 16, 224),
    "mvit_v2_s": named(TORCHVISION, "MViT", "mvit_v2_s", 16, 224),
    "swin3d_t": named(TORCHVISION, "SwinTransformer3d", "swin3d_t", 4, 32),
    "swin3d_s": named(TORCHVISION, "SwinTransformer3d", "swin3d_s", 4, 64),
    "i3d": named(OURS, "I3D", "i3d", 9, 32, whole=224),
    "c3d": named(OURS, "C3D", "c3d", 16, 112),
    "videomae": Case(
        lambda: tiny_videomae(pooled=True), "VideoMAEForVideoClassification", TRANSFORMERS, 4, 32
    ),
    "videomae-first": Case(
        lambda: tiny_videomae(pooled=False), "VideoMAEForVideoClassification", TRANSFORMERS, 4, 32
    ),
    "timesformer": Case(tiny_timesformer, "TimesformerForVideoClassification", TRANSFORMERS, 3, 32),
    "vjepa2": Case(lambda: tiny_vjepa2("VJEPA2Model"), "VJEPA2Model", TRANSFORMERS, 4, 32),
    "vjepa2-classifier": Case(
        lambda: tiny_vjepa2("VJEPA2ForVideoClassification"),
        "VJEPA2ForVideoClassification",
        TRANSFORMERS,
        4,
        32,
    ),
}
FULL_SIZE = {"mvit_v1_b", "mvit_v2_s", "swin3d_s", "mc3_18", "r2plus1d_18", "c3d"}
"""A small size or a sister of each is tried too, C3D in test_c3d.py; these take a minute or more."""
SLOW = {"s3d"}
LIGHT = {"mvit-1", "mvit-2", "videomae", "videomae-first", "timesformer", "vjepa2", "vjepa2-classifier"}
"""Networks that OpenVINO converts in a second."""


def marks_of(name: str, quick: bool) -> list[pytest.MarkDecorator]:
    if name in FULL_SIZE:
        return [pytest.mark.slow, pytest.mark.exhaustive]
    return [] if quick else [pytest.mark.slow]


def engine_marks_of(name: str) -> list[pytest.MarkDecorator]:
    """C3D is one chain of plain layers, and holds 300 MB: converting it tells nothing that I3D does not."""
    return [pytest.mark.slow, pytest.mark.exhaustive] if name == "c3d" else marks_of(name, name in LIGHT)


PARAMETERS = [pytest.param(name, marks=marks_of(name, name not in SLOW)) for name in CASES]


def backbone_called(name: str) -> Backbone:
    case = CASES[name]
    torch.manual_seed(0)
    network = case.build()
    if case.family == "S3D":
        # As torchvision draws it nothing is left of a clip at the end, and every comparison would hold.
        draw_for_relu(network)
    own = Preprocessing(case.side, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), resizable=False, frames=case.frames)
    split = libraries.get(case.library).split(network)
    return Backbone(name, network, split, own, "none", case.library)


@pytest.fixture(scope="module", params=PARAMETERS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return backbone_called(request.param)


def clips_for(backbone: Backbone, count: int = 2, side: int = 0) -> torch.Tensor:
    own = backbone.preprocessing
    shape = (count, 3, own.frames, side or own.size, side or own.size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def pixels_for(backbone: Backbone, count: int) -> np.ndarray:
    own = backbone.preprocessing
    shape = (count, own.frames, own.size, own.size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def answer_of(network: nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """Logits as the library computes them; of a network without a classifier the mean of its tokens."""
    if type(network).__name__ == "VJEPA2Model":
        return network(clips.transpose(1, 2), skip_predictor=True).last_hidden_state.mean(1)
    if hasattr(network, "config"):
        return network(clips.transpose(1, 2)).logits
    return network(clips)


def classified(network: nn.Module, vectors: torch.Tensor) -> torch.Tensor:
    if type(network).__name__ == "VJEPA2Model":
        return vectors
    layer = network.get_submodule(network.pretrained_cfg["classifier"])  # type: ignore[index]
    shaped = vectors[..., None, None, None] if isinstance(layer, nn.Conv3d) else vectors
    return layer(shaped).flatten(1)


def test_every_registered_family_is_tried() -> None:
    assert set(clip_families) == {case.family for case in CASES.values()}


def test_it_falls_into_named_blocks(backbone: Backbone) -> None:
    assert type(backbone.network).__name__ == CASES[backbone.name].family
    assert len(backbone) > 2
    assert len(backbone.split.names) == len(set(backbone.split.names)) == len(backbone)


@torch.inference_mode()
def test_blocks_and_embedding_give_the_librarys_own_answer(backbone: Backbone) -> None:
    whole = CASES[backbone.name].whole
    clips = clips_for(backbone, 1 if whole else 2, whole)
    vectors = backbone(clips)
    assert vectors.shape == (len(clips), backbone.width)
    assert vectors.std() > 0.01
    torch.testing.assert_close(
        classified(backbone.network, vectors), answer_of(backbone.network, clips), rtol=1e-4, atol=1e-4
    )


@torch.inference_mode()
def test_trunk_then_tail_is_the_whole_at_every_cut(backbone: Backbone) -> None:
    outputs = [clips_for(backbone, 1)]
    for block in backbone.split.blocks:
        outputs.append(block(outputs[-1]))
    for cut in range(len(backbone) + 1):
        torch.testing.assert_close(backbone.run(outputs[0], stop=cut), outputs[cut])
        if cut in {0, len(backbone) // 2, len(backbone) - 1, len(backbone)}:
            torch.testing.assert_close(backbone.run(outputs[cut], start=cut), outputs[-1])


@torch.inference_mode()
def test_maps_are_square_channels_first_and_lie_as_the_clip_does(backbone: Backbone) -> None:
    """What changes late and low in the clip changes the first map late and low, and nowhere far from it."""
    clips = clips_for(backbone, 1)
    maps = backbone.maps(clips, range(len(backbone)))
    assert len(maps) == len(backbone)
    assert all(m.ndim == 5 and m.shape[3] == m.shape[4] for m in maps)
    late, low, right = clips.clone(), clips.clone(), clips.clone()
    late[:, :, -1] += 5
    low[:, :, :, -8:] += 5
    right[..., -8:] += 5
    for changed, axis in ((late, 2), (low, 3), (right, 4)):
        others = [other for other in range(5) if other != axis]
        along = (backbone.maps(changed, (0,))[0] - maps[0]).abs().mean(others)
        assert along[-1] > 10 * along[0]


def test_every_parameter_but_the_classifiers_belongs_to_a_block(backbone: Backbone) -> None:
    found = {id(p) for block in backbone.split.blocks for p in parameters_of(block)}
    found |= {id(p) for p in parameters_of(backbone.split.embed)}
    classifier = f"{backbone.network.pretrained_cfg['classifier']}."  # type: ignore[index]
    for name, parameter in backbone.network.named_parameters():
        assert (id(parameter) in found) == (not name.startswith(classifier)), name


def test_a_pass_gives_a_row_of_regions_pooled_over_time(backbone: Backbone) -> None:
    spec = FeatureSpec(backbone.preprocessing.size, regions=(WHOLE, *grid(2, 0.5)))
    pixels = pixels_for(backbone, 1)
    with torch.inference_mode():
        rows = FrozenFeatures(backbone, spec)(torch.from_numpy(pixels))
        maps = backbone.maps(FrozenFeatures(backbone, spec).normalise(torch.from_numpy(pixels)), [0])
    extractor = Extractor(backbone, spec, None, Path(), "cpu")  # type: ignore[arg-type]
    assert rows.shape[1:] == extractor.row_shape
    width = maps[0].shape[1]
    torch.testing.assert_close(rows[0, 0, :width], maps[0].mean((0, 2, 3, 4)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kept", ["pooled", "map"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=engine_marks_of(n)) for n in CASES])
def test_the_engines_rows_are_torchs(name: str, tmp_path: Path, kept: str) -> None:
    backbone = backbone_called(name)
    spec = FeatureSpec(backbone.preprocessing.size, kept=kept, cut=len(backbone) - 1)
    module, pixels = FrozenFeatures(backbone, spec), pixels_for(backbone, 3)
    said: list[str] = []
    engine = compile_network(module, pixels[:2], "key", tmp_path, "cpu", said.append)
    assert isinstance(engine, OpenVinoEngine if CASES[name].converts else TorchEngine), said
    assert bool(said) != CASES[name].converts
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels)).numpy()
    found = engine.start(pixels)()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_a_tail_makes_no_tensors_beside_its_device(backbone: Backbone) -> None:
    cut = len(backbone) - 1
    with torch.inference_mode():
        maps = backbone.run(clips_for(backbone, 1), stop=cut)
    logits = Tail(backbone, cut, 3).placed("meta").train()(maps.clone().to("meta"))
    assert (logits.device.type, tuple(logits.shape)) == ("meta", (1, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("kept", ["pooled", "map"])
def test_cuda_rows_are_a_cpus(backbone: Backbone, tmp_path: Path, kept: str) -> None:
    spec = FeatureSpec(backbone.preprocessing.size, kept=kept, cut=len(backbone) - 1)
    module, pixels = FrozenFeatures(backbone, spec), pixels_for(backbone, 3)
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels)).numpy()
    found = compile_network(module, pixels[:2], "key", tmp_path, "cuda", pytest.fail).start(pixels)()
    assert np.abs(found - expected).max() <= 0.03 * np.abs(expected).max()


@pytest.fixture
def saved(backbone: Backbone) -> Backbone:
    """Each network that its library builds by name."""
    if not CASES[backbone.name].saved:
        pytest.skip("put together by this test, so no library knows it")
    return backbone


def test_a_saved_network_opens_again(saved: Backbone, tmp_path: Path) -> None:
    save_network(saved, tmp_path / "network")
    again = load_network(tmp_path / "network", backbone_facts(saved))
    assert (again.weights_id, again.preprocessing) == (saved.weights_id, saved.preprocessing)
    assert (again.library, again.split.names) == (saved.library, saved.split.names)
    clips = clips_for(saved, 1)
    with torch.inference_mode():
        torch.testing.assert_close(again(clips), saved(clips))


def test_random_weights_are_drawn_by_the_seed_alone(saved: Backbone) -> None:
    state = torch.get_rng_state()
    one, other, third = random_copy(saved, 1), random_copy(saved, 1), random_copy(saved, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.weights_id == other.weights_id != third.weights_id
    assert (one.preprocessing, one.library) == (saved.preprocessing, saved.library)


def test_a_fine_tuned_tail_is_saved_with_its_classifier_in_place(saved: Backbone, tmp_path: Path) -> None:
    tail = Tail(saved, len(saved) - 1, classes=3).eval()
    maps = saved.run(clips_for(saved, 2), stop=len(saved) - 1)
    logits = tail(maps)
    assert logits.shape == (2, 3)
    logits.sum().backward()
    prefix = saved.network.pretrained_cfg["classifier"]  # type: ignore[index]
    tensors = dict(tail.network.state_dict())
    tensors |= {f"{prefix}.{key}": value for key, value in tail.classifier.state_dict().items()}
    save_network(saved, tmp_path / "finetuned", tensors, ("pass", "shot", "tackle"))
    written = load_file(tmp_path / "finetuned" / "model.safetensors")
    before = saved.network.state_dict().get(f"{prefix}.weight")
    shape = (3, saved.width) if before is None else (3, *before.shape[1:])
    assert written[f"{prefix}.weight"].shape == shape


def test_torchvision_opens_a_fine_tuned_network(tmp_path: Path) -> None:
    backbone = backbone_called("r3d_18")
    tensors = backbone.network.state_dict() | {"fc.weight": torch.ones(3, 512), "fc.bias": torch.ones(3)}
    save_network(backbone, tmp_path / "finetuned", tensors, ("pass", "shot", "tackle"))
    opened = torchvision.models.get_model("r3d_18", num_classes=3).eval()
    opened.load_state_dict(load_file(tmp_path / "finetuned" / "model.safetensors"))
    clips = clips_for(backbone)
    with torch.inference_mode():
        torch.testing.assert_close(opened(clips), 1 + backbone(clips).sum(1, keepdim=True).expand(2, 3))


@pytest.mark.parametrize("name", ["videomae", "timesformer", "vjepa2-classifier"])
def test_transformers_opens_a_saved_network(name: str, tmp_path: Path) -> None:
    import transformers

    backbone = backbone_called(name)
    save_network(backbone, tmp_path / "network")
    kind = getattr(transformers, type(backbone.network).__name__)
    clips = clips_for(backbone)
    with torch.inference_mode():
        torch.testing.assert_close(
            answer_of(kind.from_pretrained(tmp_path / "network").eval(), clips),
            answer_of(backbone.network, clips),
        )


def test_the_number_of_frames_can_be_changed_where_the_network_allows_it() -> None:
    fixed = backbone_called("timesformer")
    flexible = backbone_called("r3d_18")
    flexible.preprocessing = replace(flexible.preprocessing, frames=16, fewest_frames=8)
    longer = flexible.with_frames(12)
    assert (longer.preprocessing.frames, flexible.preprocessing.frames) == (12, 16)
    assert longer.weights_id == flexible.weights_id
    with torch.inference_mode():
        assert longer(longer.blank()).shape == (1, 512)
    with pytest.raises(UsageError, match=r"r3d_18 cannot be fed 4 frames at once: it takes 8 or more"):
        flexible.with_frames(4)
    with pytest.raises(UsageError, match=r"timesformer cannot be fed 8 frames .* exactly 3"):
        fixed.with_frames(8)
    assert fixed.with_frames(3).preprocessing == fixed.preprocessing
