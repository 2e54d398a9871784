"""Weight files: read without running code, fitted to a network, refused with a reason."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from preseason.backbones.weights import FILE_NAMES, load_in_order, load_into, read_tensors
from preseason.errors import WeightsError

TENSORS = {"first.weight": torch.arange(6.0).reshape(2, 3), "first.bias": torch.ones(2)}


class Network(nn.Module):
    """Two layers, of which the last is the classifier."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(3, 2)
        self.fc = nn.Linear(2, classes)
        self.default_cfg = {"classifier": "fc"}


class Harmful:
    """Runs code when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


def same(found: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(TENSORS) and all(torch.equal(found[k], TENSORS[k]) for k in TENSORS)


def written(path: Path, content: Any = None) -> Path:
    if path.suffix == ".safetensors":
        save_file(TENSORS, path)
    else:
        torch.save(TENSORS if content is None else content, path)
    return path


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.pt", "a.bin"])
def test_a_file_is_read(tmp_path: Path, name: str) -> None:
    assert same(read_tensors(written(tmp_path / name)))


@pytest.mark.parametrize("name", [*FILE_NAMES, "of-any-name.safetensors"])
def test_a_folder_that_holds_one_is_read(tmp_path: Path, name: str) -> None:
    written(tmp_path / name)
    (tmp_path / "config.json").write_text("{}", "utf-8")
    assert same(read_tensors(tmp_path))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: {"state_dict": t, "epoch": 3},
        lambda t: {"model": t},
        lambda t: {"state_dict": {f"module.{k}": v for k, v in t.items()}},
        lambda t: {"state_dict": {"first.bias": torch.zeros(2)}, "state_dict_ema": t},
    ],
)
def test_training_checkpoints_are_unwrapped(tmp_path: Path, wrap: Any) -> None:
    assert same(read_tensors(written(tmp_path / "a.pth", wrap(TENSORS))))


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    torch.save({"x": Harmful(tmp_path / "ran")}, tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Harmful(tmp_path / "ran")))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(WeightsError, match=rf"{name} cannot be read as weights: .* holds\s+tensors only"):
            read_tensors(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1", b"\x00" * 100])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_tensors(tmp_path / name)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"There is no weight file .*absent\.pth"):
        read_tensors(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match=r"holds no weights\. Expected one of model\.safetensors"):
        read_tensors(tmp_path)
    with pytest.raises(WeightsError, match="holds no tensors"):
        read_tensors(written(tmp_path / "a.pth", {"epoch": 3}))


def test_the_classifier_may_be_absent_or_of_another_size_and_is_zero_then() -> None:
    for given in (TENSORS, TENSORS | {"fc.weight": torch.ones(9, 2), "fc.bias": torch.ones(9)}):
        network = Network()
        load_into(network, given, "a.pth")
        assert torch.equal(network.first.weight, TENSORS["first.weight"])
        assert torch.equal(network.fc.weight, torch.zeros(4, 2))


def test_a_classifier_that_fits_is_loaded() -> None:
    network = Network()
    load_into(network, TENSORS | {"fc.weight": torch.ones(4, 2), "fc.bias": torch.ones(4)}, "a.pth")
    assert torch.equal(network.fc.weight, torch.ones(4, 2))


@pytest.mark.parametrize(
    "given", [{"other.weight": torch.ones(1)}, TENSORS | {"first.weight": torch.ones(3, 3)}, {}]
)
def test_another_networks_weights_are_refused_and_change_nothing(given: dict[str, torch.Tensor]) -> None:
    network = Network()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(WeightsError, match=r"a\.pth does not fit Network: . of 4 tensors .*--backbone names"):
        load_into(network, given, "a.pth")
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())


def test_tensors_in_order_must_be_as_many_and_of_the_same_shapes() -> None:
    own = Network().state_dict()
    network = Network()
    load_in_order(network, {f"x{i}": value for i, value in enumerate(own.values())}, "a.pth")
    assert all(torch.equal(own[k], v) for k, v in network.state_dict().items())
    swapped = dict(reversed(own.items()))
    for given in (swapped, TENSORS):
        with pytest.raises(WeightsError, match=r"a\.pth does not fit Network: other tensors"):
            load_in_order(network, given, "a.pth")
