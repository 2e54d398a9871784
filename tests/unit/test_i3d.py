"""I3D: TensorFlow's padding, the wiring, and both published layouts of its checkpoints.

No published weights are at hand: random ones prove padding, wiring and the key maps against formulas written
here, not accuracy.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from preseason import backbones
from preseason.backbones.video.i3d import I3D, MIXED, Pool, Unit, split, translate
from preseason.backbones.video.pooling import MeanOfWindows
from preseason.errors import WeightsError

BRANCHES = {"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1"} | {
    "b2a": "branch_2.0",
    "b2b": "branch_2.1",
    "b3b": "branch_3.1",
}


def first_pad(side: int, kernel: int, stride: int) -> int:
    """Zeros in front of an axis, as TensorFlow's documentation gives the rule for SAME."""
    total = max(kernel - stride, 0) if side % stride == 0 else max(kernel - side % stride, 0)
    return total // 2


def windows(x: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """For each output place the window of [c, t, h, w] that it is made of, zeros where it leaves the map."""
    sides = x.shape[1:]
    outputs = [-(-side // step) for side, step in zip(sides, stride, strict=True)]
    pads = [first_pad(*three) for three in zip(sides, kernel, stride, strict=True)]
    for place in np.ndindex(*outputs):
        window = np.zeros((len(x), *kernel))
        for inner in np.ndindex(*kernel):
            at = [p * s + i - pad for p, s, i, pad in zip(place, stride, inner, pads, strict=True)]
            if all(0 <= a < side for a, side in zip(at, sides, strict=True)):
                window[(slice(None), *inner)] = x[(slice(None), *at)]
        yield place, window


@pytest.mark.parametrize("sides", [(4, 6, 8), (5, 7, 9), (3, 8, 5)])
@pytest.mark.parametrize(("kernel", "stride"), [((7, 7, 7), (2, 2, 2)), ((3, 3, 3), (1, 1, 1))])
@torch.inference_mode()
def test_a_unit_pads_as_tensorflow_does(
    sides: tuple[int, ...], kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    torch.manual_seed(0)
    unit = Unit(2, 3, kernel, stride).eval()
    unit.bn.running_mean.uniform_(-1, 1)
    unit.bn.running_var.uniform_(0.5, 2)
    x = torch.randn(1, 2, *sides)
    weight = unit.conv3d.weight.double().numpy()
    found = unit(x)[0].numpy()
    mean, variance = unit.bn.running_mean.double().numpy(), unit.bn.running_var.double().numpy()
    for place, window in windows(x[0].double().numpy(), kernel, stride):
        plain = (weight * window).sum((1, 2, 3, 4))
        expected = np.maximum((plain - mean) / np.sqrt(variance + 1e-3), 0)
        np.testing.assert_allclose(found[(slice(None), *place)], expected, atol=1e-4)


@pytest.mark.parametrize("sides", [(4, 6, 8), (5, 7, 9)])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2)), ((3, 3, 3), (1, 1, 1))],
)
def test_a_pool_pads_as_tensorflow_does(
    sides: tuple[int, ...], kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    x = torch.rand(1, 2, *sides, generator=torch.Generator().manual_seed(0))
    found = Pool(kernel, stride)(x)[0].numpy()
    for place, window in windows(x[0].numpy(), kernel, stride):
        assert np.array_equal(found[(slice(None), *place)], window.max((1, 2, 3)).astype(np.float32))


def test_the_embedding_averages_windows_as_the_classifiers_answers_are() -> None:
    x = torch.randn(1, 3, 4, 8, 9, generator=torch.Generator().manual_seed(0))
    places = [(t, h, w) for t in range(3) for h in range(2) for w in range(3)]
    each = [x[:, :, t : t + 2, h : h + 7, w : w + 7].mean((2, 3, 4)) for t, h, w in places]
    torch.testing.assert_close(MeanOfWindows()(x), torch.stack(each).mean(0))
    small = x[:, :, :1, :2, :2]
    torch.testing.assert_close(MeanOfWindows()(small), small.mean((2, 3, 4)))


def foreign(name: str) -> str:
    """The name in hassony2's files of one of our (and piergiaj's) names."""
    top, *rest = name.split(".")
    if top == "logits":
        return ".".join(["conv3d_0c_1x1", *rest])
    if top in MIXED:
        rest = [BRANCHES[rest[0]], *rest[1:]]
    return ".".join([top[0].lower() + top[1:], *("batch3d" if part == "bn" else part for part in rest)])


def checkpoint(layout: str, classes: int = 400) -> dict[str, Tensor]:
    """A file's tensors, each of other values, as the repositories write them: no counters of batches."""
    shapes = {name: value.shape for name, value in I3D(classes).state_dict().items()}
    names = [name for name in shapes if not name.endswith("num_batches_tracked")]
    numbered = {name: torch.full(shapes[name], float(i)) for i, name in enumerate(names)}
    return numbered if layout == "piergiaj" else {foreign(name): v for name, v in numbered.items()}


def test_the_foreign_names_are_those_of_the_published_file() -> None:
    names = checkpoint("hassony2")
    for expected in (
        "conv3d_1a_7x7.conv3d.weight",
        "conv3d_2c_3x3.batch3d.running_var",
        "mixed_3b.branch_0.conv3d.weight",
        "mixed_4f.branch_1.0.batch3d.weight",
        "mixed_5b.branch_2.1.batch3d.bias",
        "mixed_5c.branch_3.1.batch3d.running_mean",
        "conv3d_0c_1x1.conv3d.bias",
    ):
        assert expected in names


@pytest.mark.parametrize("layout", ["piergiaj", "hassony2"])
@pytest.mark.parametrize("counted", [False, True])
def test_every_tensor_of_both_layouts_lands_where_it_belongs(
    layout: str, counted: bool, tmp_path: Path
) -> None:
    tensors = checkpoint(layout)
    counters = {
        key.replace("running_mean", "num_batches_tracked"): torch.tensor(7)
        for key in tensors
        if key.endswith("running_mean")
    }
    torch.save(tensors | counters if counted else tensors, tmp_path / "a.pt")
    found = backbones.load("i3d", str(tmp_path / "a.pt"))
    state = found.network.state_dict()
    assert len(tensors) == sum(not key.endswith("num_batches_tracked") for key in state)
    for name, value in checkpoint("piergiaj").items():
        assert torch.equal(state[name], value), name
    assert (found.preprocessing.size, found.preprocessing.frames, found.library) == (224, 64, "published")
    assert found.preprocessing.mean == found.preprocessing.std == (0.5, 0.5, 0.5)


def test_a_checkpoint_for_optical_flow_is_refused(tmp_path: Path) -> None:
    for layout in ("piergiaj", "hassony2"):
        tensors = checkpoint(layout)
        first = next(iter(tensors))
        tensors[first] = torch.zeros(64, 2, 7, 7, 7)
        torch.save(tensors, tmp_path / "flow.pt")
        with pytest.raises(
            WeightsError, match=r"flow\.pt is an I3D checkpoint for optical flow \(2 .*rgb_imagenet"
        ):
            backbones.load("i3d", str(tmp_path / "flow.pt"))


def test_a_checkpoint_with_other_classes_gives_the_same_backbone_in_every_run(tmp_path: Path) -> None:
    torch.save(checkpoint("piergiaj", classes=157), tmp_path / "rgb_charades.pt")
    one, other = (backbones.load("i3d", str(tmp_path / "rgb_charades.pt")) for _ in range(2))
    assert one.weights_id == other.weights_id
    assert one.licence == "apache-2.0"


@torch.inference_mode()
def test_the_blocks_are_wired_as_published() -> None:
    """Against the network written down again as plain functions over the other layout's tensors."""
    torch.manual_seed(0)
    network = I3D().eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.uniform_(-0.1, 0.1)
    tensors = {foreign(name): value for name, value in network.state_dict().items()}
    x = torch.randn(1, 3, 9, 44, 36)
    found = x
    for block in split(network).blocks:
        found = block(found)
    assert found.std() > 0.1
    torch.testing.assert_close(found, published_maps(x, tensors), rtol=1e-4, atol=1e-4)


def padded(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    pads: list[int] = []
    for side, extent, step in zip(x.shape[2:], kernel, stride, strict=True):
        front = first_pad(side, extent, step)
        end = (-(-side // step) - 1) * step + extent - side - front
        pads = [front, max(end, 0), *pads]
    return functional.pad(x, pads)


def unit(x: Tensor, tensors: dict[str, Tensor], name: str, step: int = 1) -> Tensor:
    weight = tensors[f"{name}.conv3d.weight"]
    out = functional.conv3d(padded(x, tuple(weight.shape[2:]), (step,) * 3), weight, stride=step)
    norm = [tensors[f"{name}.batch3d.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
    return functional.batch_norm(out, *norm, eps=1e-3).relu()


def pool(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    return functional.max_pool3d(padded(x, kernel, stride), kernel, stride)


def published_maps(x: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """The map before the last pooling."""
    x = pool(unit(x, tensors, "conv3d_1a_7x7", 2), (1, 3, 3), (1, 2, 2))
    x = unit(unit(x, tensors, "conv3d_2b_1x1"), tensors, "conv3d_2c_3x3")
    x = pool(x, (1, 3, 3), (1, 2, 2))
    for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"):
        if name == "4b":
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if name == "5b":
            x = pool(x, (2, 2, 2), (2, 2, 2))
        branch = f"mixed_{name}.branch_"
        parts = [unit(x, tensors, f"{branch}0")]
        for number in (1, 2):
            parts.append(unit(unit(x, tensors, f"{branch}{number}.0"), tensors, f"{branch}{number}.1"))
        parts.append(unit(pool(x, (3, 3, 3), (1, 1, 1)), tensors, f"{branch}3.1"))
        x = torch.cat(parts, 1)
    return x


def test_names_of_neither_layout_are_left_as_they_are() -> None:
    assert set(translate({"blocks.0.weight": torch.zeros(1)}, "a.pt")) == {"blocks.0.weight"}
