"""C3D: both published layouts of its checkpoints, their preprocessing, and the wiring.

No published weights are at hand: random ones prove the key maps and the wiring, not accuracy.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from preseason import backbones
from preseason.backbones.base import Normalise
from preseason.backbones.video.c3d import C3D, LESS_MEAN, PLAIN, preprocessing_of, split, translate

OURS = ("conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b", "fc6", "fc7", "fc8")
MMACTION = (
    "conv1a.conv", "conv2a.conv", "conv3a.conv", "conv3b.conv", "conv4a.conv", "conv4b.conv", "conv5a.conv",
    "conv5b.conv", "fc6", "fc7", "cls_head.fc_cls",
)  # fmt: skip
LAYOUTS = {
    "DavideA": OURS,
    "mmaction2": MMACTION,
    "mmaction2 recogniser": tuple(
        name if name.startswith("cls_head") else f"backbone.{name}" for name in MMACTION
    ),
}


def shapes() -> dict[str, torch.Size]:
    with torch.device("meta"):
        return {name: value.shape for name, value in C3D().state_dict().items()}


def checkpoint(layout: str) -> dict[str, Tensor]:
    """Tensors under a layout's names, each filled with its own number (and so without memory)."""
    sizes = shapes()
    return {
        f"{theirs}.{kind}": torch.tensor(2.0 * i + j).expand(sizes[f"{ours}.{kind}"])
        for i, (ours, theirs) in enumerate(zip(OURS, LAYOUTS[layout], strict=True))
        for j, kind in enumerate(("weight", "bias"))
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_name_of_each_layout_is_one_of_ours(layout: str) -> None:
    found = translate(checkpoint(layout))
    assert found.keys() == shapes().keys()
    for name, value in checkpoint("DavideA").items():
        assert torch.equal(found[name].flatten()[:1], value.flatten()[:1]), name


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_tensor_of_each_layout_is_loaded(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "c3d.pickle"
    torch.save({"state_dict": checkpoint(layout)} if "recogniser" in layout else checkpoint(layout), path)
    found = backbones.load("c3d", str(path))
    state = found.network.state_dict()
    for name, value in checkpoint("DavideA").items():
        assert torch.equal(state[name], value), name
    assert found.preprocessing == (PLAIN if layout == "DavideA" else LESS_MEAN)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scale_and_mean_belong_to_the_checkpoint(layout: str) -> None:
    own = preprocessing_of(checkpoint(layout))
    pixel = torch.full((1, own.frames, 1, 1, 3), 200, dtype=torch.uint8)
    mean = (0, 0, 0) if layout == "DavideA" else (104, 117, 128)
    expected = torch.tensor([200.0 - value for value in mean])
    torch.testing.assert_close(Normalise(own)(pixel)[0, :, 0, 0, 0], expected, rtol=0, atol=1e-3)
    assert (own.size, own.frames, own.bgr, own.resizable) == (112, 16, False, False)


@torch.inference_mode()
def test_the_blocks_are_wired_as_published() -> None:
    """Against the network written down again as plain functions; two narrow dense layers keep it quick."""
    torch.manual_seed(0)
    network = narrow()
    parts = split(network)
    x = found = torch.randn(1, 3, 16, 112, 112)
    for block in parts.blocks:
        found = block(found)
    for number, names in enumerate((("1",), ("2",), ("3a", "3b"), ("4a", "4b"), ("5a", "5b")), start=1):
        for name in names:
            layer = network.get_submodule(f"conv{name}")
            x = functional.conv3d(x, layer.weight, layer.bias, padding=1).relu()
        time = 1 if number == 1 else 2
        if number == 5:
            x = functional.pad(x, (1, 1, 1, 1), value=float("-inf"))
        x = functional.max_pool3d(x, (time, 2, 2))
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-5)
    assert x.shape == (1, 512, 1, 4, 4)
    for dense in (network.fc6, network.fc7):
        x = functional.linear(x.flatten(1), dense.weight, dense.bias).relu()
    assert x.std() > 0.01
    torch.testing.assert_close(parts.embed(found), x, rtol=1e-4, atol=1e-5)


def narrow() -> C3D:
    """C3D whose dense layers have few outputs."""
    with torch.device("meta"):
        network = C3D()
    convolutions = {name for name in shapes() if name.startswith("conv")}
    network.fc6, network.fc7 = torch.nn.Linear(8192, 8), torch.nn.Linear(8, 8)
    for name in convolutions:
        owner, _, kind = name.rpartition(".")
        value = torch.randn(shapes()[name]) * (0.02 if kind == "weight" else 0.1)
        setattr(network.get_submodule(owner), kind, torch.nn.Parameter(value))
    return network.eval()
