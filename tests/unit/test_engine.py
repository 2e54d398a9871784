"""Engines give torch's numbers, whatever lies in the cache."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.engine import networks
from preseason.engine.feeds.base import feed_for
from preseason.engine.feeds.image import BATCH_PIXELS
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.networks import (
    OpenVinoEngine,
    TorchEngine,
    compile_network,
    device_for,
    precision_on,
    put_channels_last,
)
from preseason.errors import DeviceMemoryError, UsageError
from tiny_engine import PLAN, SIDE, close, expected_of, pictures, rows_of, tiny


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny()


@pytest.fixture(scope="module")
def kept_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is shared by tests which do not count conversions."""
    return tmp_path_factory.mktemp("networks")


def compiled(backbone: Backbone, cache: Path) -> OpenVinoEngine:
    engine = compile_network(FrozenFeatures(backbone, PLAN), pictures(2), "key", cache, "cpu", pytest.fail)
    assert isinstance(engine, OpenVinoEngine)
    return engine


def network_file(cache: Path, suffix: str) -> Path:
    return next(iter((cache / "networks").glob(f"*{suffix}")))


def test_batches_of_any_size_get_torchs_rows_in_order(backbone: Backbone, kept_networks: Path) -> None:
    engine = compiled(backbone, kept_networks)
    batches = [pictures(count, seed=count) for count in (1, 5, 2)]
    waiting = [engine.start(batch) for batch in batches]
    for batch, wait in zip(batches, waiting, strict=True):
        assert close(wait(), expected_of(backbone, batch))


def test_a_converted_network_is_read_from_the_cache(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rows_of(compiled(backbone, tmp_path), pictures(3))
    monkeypatch.setattr(networks, "_convert", None)
    np.testing.assert_array_equal(rows_of(compiled(backbone, tmp_path), pictures(3)), first)


def blank(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 4] + bytes(len(content) - len(content) // 4))


def halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(("suffix", "damage"), [(".xml", halve), (".bin", blank), (".sum", Path.unlink)])
def test_a_damaged_converted_network_is_made_anew(
    backbone: Backbone, kept_networks: Path, suffix: str, damage: Callable[[Path], None]
) -> None:
    expected = rows_of(compiled(backbone, kept_networks), pictures(3))
    damage(network_file(kept_networks, suffix))
    assert close(rows_of(compiled(backbone, kept_networks), pictures(3)), expected)
    files = sorted(path.suffix for path in (kept_networks / "networks").iterdir())
    assert files == [".bin", ".sum", ".xml"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(backbone: Backbone, tmp_path: Path) -> None:
    (tmp_path / "networks").write_text("", "utf-8")
    found = rows_of(compiled(backbone, tmp_path), pictures(3))
    assert close(found, expected_of(backbone, pictures(3)))


class Restless(nn.Module):
    """Gives other answers each time, so that no converted network can be faithful."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.rand(x.shape[0], 4)


def test_torch_stands_in_for_a_network_that_does_not_convert(tmp_path: Path) -> None:
    said: list[str] = []
    engine = compile_network(Restless(), pictures(2), "key", tmp_path, "cpu", said.append)
    assert isinstance(engine, TorchEngine)
    assert rows_of(engine, pictures(3)).shape == (3, 4)
    assert len(said) == 1
    assert "OpenVINO cannot run this network" in said[0]
    assert not list(tmp_path.rglob("*.xml"))


def test_eager_torch_gives_the_same_rows(backbone: Backbone) -> None:
    engine = TorchEngine(FrozenFeatures(tiny(), PLAN), "cpu")
    assert engine.precision == precision_on("cpu") == "f32"
    np.testing.assert_allclose(rows_of(engine, pictures(2)), expected_of(backbone, pictures(2)), rtol=1e-4)


class Narrow(nn.Module):
    """Runs out of memory on more than three pictures."""

    def __init__(self, most: int = 3) -> None:
        super().__init__()
        self.most = most
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.seen.append(len(x))
        return x.float().mean((1, 2))


def test_a_batch_that_does_not_fit_into_memory_is_run_in_halves() -> None:
    narrow = Narrow()
    found = rows_of(TorchEngine(narrow, "cpu"), pictures(10))
    assert narrow.seen == [3, 2, 3, 2]
    np.testing.assert_allclose(found, pictures(10).mean((1, 2)), rtol=1e-6)
    with pytest.raises(DeviceMemoryError, match="smaller --batch-size"):
        TorchEngine(Narrow(0), "cpu").start(pictures(1))


def test_weights_of_pictures_and_of_clips_are_laid_out_channels_last() -> None:
    both = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3), nn.Linear(3, 4))
    before = [each.clone() for each in both.parameters()]
    put_channels_last(both)
    assert both[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert both[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert all(torch.equal(one, other) for one, other in zip(before, both.parameters(), strict=True))


def test_batches_are_larger_for_cuda() -> None:
    examples = [pictures(1) for _ in range(200)]
    sizes = {}
    for device in ("cpu", "cuda"):
        batches, _ = feed_for(tiny(), PLAN, device).deal(examples)
        sizes[device] = [len(batch) for batch in batches]
        assert sum(sizes[device]) == 200
    assert max(sizes["cpu"]) == BATCH_PIXELS // SIDE**2
    assert sizes["cuda"] == [200]


def test_texts_are_read_in_bf16_where_the_processor_has_it() -> None:
    found = torch.cpu.get_capabilities()
    has = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    assert precision_on("cpu", halves=True) == ("bf16" if has else "f32")
    assert precision_on("cuda", halves=True) == "autocast"


class Shifted(nn.Module):
    """As far from its own answers as bf16 may be and f32 may not, where it is converted."""

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = x.float().mean((1, 2))
        return mean * 1.01 if torch.jit.is_tracing() else mean


@pytest.mark.parametrize(("precision", "kind"), [("bf16", OpenVinoEngine), ("f32", TorchEngine)])
def test_bf16_has_a_tolerance_of_its_own(tmp_path: Path, precision: str, kind: type) -> None:
    engine = compile_network(
        Shifted(), pictures(2), "key", tmp_path, "cpu", lambda _: None, precision=precision
    )
    assert isinstance(engine, kind)
    assert engine.precision == precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_that_is_not_there_is_said() -> None:
    assert device_for("auto") == device_for("cpu") == "cpu"
    with pytest.raises(UsageError, match=r"--device cuda: torch sees no CUDA device here\. Use --device cpu"):
        device_for("cuda")


@pytest.mark.gpu
def test_cuda_rows_are_close_to_those_of_a_cpu(backbone: Backbone, tmp_path: Path) -> None:
    assert device_for("auto") == "cuda"
    engine = compile_network(FrozenFeatures(tiny(), PLAN), pictures(2), "key", tmp_path, "cuda", pytest.fail)
    assert engine.precision == "autocast"
    found, expected = rows_of(engine, pictures(9)), expected_of(backbone, pictures(9))
    assert np.abs(found - expected).max() <= 0.03 * np.abs(expected).max()
