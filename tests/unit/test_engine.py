"""Engines give torch's numbers, and extraction computes each row once, whatever goes wrong on the way."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.data.dataset import Sample
from preseason.engine import networks
from preseason.engine.extract import FEWEST_TIMED, Extractor, Order
from preseason.engine.feeds import BATCH_PIXELS, feed_for
from preseason.engine.networks import (
    TOLERANCE,
    OpenVinoEngine,
    TorchEngine,
    compile_network,
    device_for,
    precision_on,
    put_channels_last,
)
from preseason.engine.passes import WHOLE, Box, FrozenPass, Pass, grid
from preseason.engine.upkeep import usage
from preseason.errors import CacheError, DeviceMemoryError, MediaError, UsageError
from preseason.progress import Silent
from preseason.speeds import measured_speed

SIDE = 64
PLAN = Pass(SIDE, regions=(WHOLE, *grid(2, 0.5)))


def tiny(name: str = "tiny") -> Backbone:
    torch.manual_seed(0)
    network = create("test_efficientnet")
    return Backbone(name, network, split_of(network), preprocessing_of(network), "none")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny()


@pytest.fixture(scope="module")
def kept_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is shared by tests which do not count conversions."""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the networks of the extraction tests."""
    folder = tmp_path_factory.mktemp("converted")
    Extractor(tiny(), PLAN, Numbers(), folder, "cpu").prepare(pytest.fail)
    return folder


@pytest.fixture
def cache(tmp_path: Path, converted: Path) -> Path:
    """A cache without rows whose networks need no conversion."""
    shutil.copytree(converted / "networks", tmp_path / "cache" / "networks")
    return tmp_path / "cache"


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def rows_of(engine: Any, batch: np.ndarray) -> np.ndarray:
    return np.array(engine.start(batch)())


def expected_of(backbone: Backbone, batch: np.ndarray, plan: Pass = PLAN) -> np.ndarray:
    with torch.inference_mode():
        return FrozenPass(backbone, plan)(torch.from_numpy(batch)).numpy()


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max())


def compiled(backbone: Backbone, cache: Path) -> OpenVinoEngine:
    engine = compile_network(FrozenPass(backbone, PLAN), pictures(2), "key", cache, "cpu", pytest.fail)
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
    assert "OpenVINO cannot run this network here" in said[0]
    assert not list(tmp_path.rglob("*.xml"))


def test_eager_torch_gives_the_same_rows(backbone: Backbone) -> None:
    engine = TorchEngine(FrozenPass(tiny(), PLAN), "cpu")
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
    assert precision_on("cpu", "texts") == ("bf16" if has else "f32")
    assert precision_on("cuda", "texts") == "autocast"


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
    engine = compile_network(FrozenPass(tiny(), PLAN), pictures(2), "key", tmp_path, "cuda", pytest.fail)
    assert engine.precision == "autocast"
    found, expected = rows_of(engine, pictures(9)), expected_of(backbone, pictures(9))
    assert np.abs(found - expected).max() <= 0.03 * np.abs(expected).max()


@pytest.mark.gpu
def test_cuda_rows_have_a_shelf_of_their_own(backbone: Backbone, tmp_path: Path) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        extractor = Extractor(tiny(), PLAN, Numbers(), tmp_path, device)
        found[device] = extractor.extract(orders(20), Silent(), "reading").rows[:]
    assert len(usage(tmp_path)) == 2
    assert np.abs(found["cpu"] - found["cuda"]).max() <= 0.03 * np.abs(found["cpu"]).max()


class Numbers:
    """Pictures drawn from the number that a sample is named by; some cannot be read."""

    def __init__(self, unreadable: frozenset[int] = frozenset(), stop_at: int | None = None) -> None:
        self.unreadable, self.stop_at = unreadable, stop_at
        self.read: Counter[int] = Counter()

    def inputs(self, sample: Sample, plan: Pass) -> np.ndarray:
        number = int(str(sample.source))
        if number == self.stop_at:
            raise KeyboardInterrupt
        if number in self.unreadable:
            raise MediaError(f"number {number} is torn")
        self.read[number] += 1
        whole = pictures(1, seed=number)[0]
        return np.stack([whole if look.x0 < look.x1 else whole[:, ::-1] for look in plan.looks])


def orders(count: int) -> list[Order]:
    return [Order(Sample(str(number), fingerprint=f"f{number}")) for number in range(count)]


def extractor(backbone: Backbone, source: Numbers, cache: Path, plan: Pass = PLAN) -> Extractor:
    return Extractor(backbone, plan, source, cache, "cpu")


def test_rows_are_those_of_torch_in_the_order_asked(backbone: Backbone, cache: Path) -> None:
    wanted = [orders(40)[number] for number in (7, 3, 39, 3, 0)]
    found = extractor(backbone, Numbers(), cache).extract(wanted, Silent(), "reading")
    expected = np.concatenate(
        [expected_of(backbone, pictures(1, seed=number)) for number in (7, 3, 39, 3, 0)]
    )
    assert close(found.rows[:].astype(np.float32), expected)
    assert (found.kept.tolist(), found.failed, found.computed) == ([0, 1, 2, 3, 4], (), 4)


def test_only_what_is_new_is_decoded(backbone: Backbone, cache: Path) -> None:
    source = Numbers()
    extractor(backbone, source, cache).extract(orders(10), Silent(), "reading")
    again = extractor(backbone, source, cache)
    assert [order.sample.source for order in again.missing(orders(11))] == ["10"]
    assert again.extract(orders(11), Silent(), "reading").computed == 1
    assert source.read == Counter(range(11))
    assert [shelf.rows for shelf in usage(cache)] == [11]


def test_copies_of_one_photo_are_decoded_once(backbone: Backbone, cache: Path) -> None:
    source = Numbers()
    twins = [Order(Sample("1", fingerprint="same")), Order(Sample("2", fingerprint="same"))]
    found = extractor(backbone, source, cache).extract(twins, Silent(), "reading")
    assert sum(source.read.values()) == 1
    np.testing.assert_array_equal(found.rows[0], found.rows[1])


@pytest.mark.parametrize("keep", [True, False])
def test_what_cannot_be_read_is_named_and_left_out(backbone: Backbone, cache: Path, keep: bool) -> None:
    source = Numbers(unreadable=frozenset({1, 3}))
    found = extractor(backbone, source, cache).extract(orders(5), Silent(), "reading", keep)
    assert found.kept.tolist() == [0, 2, 4]
    assert [(item.path, item.reason) for item in found.failed] == [
        ("1", "number 1 is torn"),
        ("3", "number 3 is torn"),
    ]
    expected = np.concatenate([expected_of(backbone, pictures(1, seed=number)) for number in (0, 2, 4)])
    assert close(np.asarray(found.rows[:], np.float32), expected)


def test_nothing_readable_gives_no_rows(backbone: Backbone, cache: Path) -> None:
    source = Numbers(unreadable=frozenset(range(3)))
    found = extractor(backbone, source, cache).extract(orders(3), Silent(), "reading", keep=False)
    assert (len(found.rows), len(found.kept), len(found.failed)) == (0, 0, 3)


def test_rows_that_are_not_to_be_kept_leave_the_bank_alone(backbone: Backbone, cache: Path) -> None:
    loose = extractor(backbone, Numbers(), cache).extract(orders(3), Silent(), "reading", keep=False)
    assert usage(cache) == []
    kept = extractor(backbone, Numbers(), cache).extract(orders(3), Silent(), "reading")
    np.testing.assert_array_equal(loose.rows[:], kept.rows[:])


def test_own_looks_of_a_sample_are_looked_at(backbone: Backbone, tmp_path: Path) -> None:
    plan = Pass(SIDE, looks=(), own_looks=2)
    looks = (WHOLE, WHOLE.mirrored())
    order = Order(Sample("4", fingerprint="f4"), looks)
    found = extractor(backbone, Numbers(), tmp_path, plan).extract([order], Silent(), "reading")
    plain = pictures(1, seed=4)
    expected = expected_of(backbone, np.concatenate([plain, plain[:, :, ::-1]]), Pass(SIDE))
    assert close(found.rows[0].astype(np.float32), expected[:, 0])
    assert not close(found.rows[0][:1].astype(np.float32), expected[1])


@pytest.mark.parametrize(("kept", "shape"), [("pooled", (10, -1)), ("map", (2, -1, 32, 32))])
def test_the_shape_of_a_row_is_known_before_any_is_computed(
    backbone: Backbone, tmp_path: Path, kept: str, shape: tuple[int, ...]
) -> None:
    plan = Pass(SIDE, looks=(WHOLE, Box(0, 0, 0.5, 0.5)), regions=PLAN.regions, kept=kept, cut=2)
    found = extractor(backbone, Numbers(), tmp_path, plan)
    assert len(found.row_shape) == len(shape)
    assert all(want in (-1, have) for want, have in zip(shape, found.row_shape, strict=True))
    assert found.extract(orders(1), Silent(), "reading").rows.shape == (1, *found.row_shape)


def test_stopping_keeps_the_rows_that_were_computed(backbone: Backbone, cache: Path) -> None:
    stopped = Numbers(stop_at=70)
    with pytest.raises(KeyboardInterrupt):
        extractor(backbone, stopped, cache).extract(orders(100), Silent(), "reading")
    kept = usage(cache)[0].rows
    assert kept >= 64 - 32
    source = Numbers()
    extractor(backbone, source, cache).extract(orders(100), Silent(), "reading")
    assert sum(source.read.values()) == 100 - kept


def test_a_bank_that_cannot_be_written_is_said_before_anything_is_read(
    backbone: Backbone, cache: Path
) -> None:
    (cache / "bank").write_text("", "utf-8")
    source = Numbers()
    with pytest.raises(CacheError, match="cannot be written"):
        extractor(backbone, source, cache).extract(orders(3), Silent(), "reading")
    assert not source.read


def test_the_speed_of_a_pretrained_network_is_remembered(tmp_path: Path) -> None:
    named, own = tiny("test_efficientnet"), tiny("with random weights")
    for backbone in (named, own):
        extractor(backbone, Numbers(), tmp_path).extract(orders(FEWEST_TIMED), Silent(), "reading")
    speed = measured_speed("test_efficientnet", tmp_path)
    assert speed is not None
    assert speed > 1
    assert measured_speed("with random weights", tmp_path) is None


def test_the_speed_of_a_part_of_the_network_is_not_taken_for_the_wholes(tmp_path: Path) -> None:
    plan = Pass(SIDE, kept="map", cut=1)
    found = extractor(tiny("test_efficientnet"), Numbers(), tmp_path, plan)
    found.extract(orders(FEWEST_TIMED), Silent(), "reading", keep=False)
    assert measured_speed("test_efficientnet", tmp_path) is None


def test_the_speed_is_of_pictures_of_224_pixels_without_the_conversion(tmp_path: Path) -> None:
    found = extractor(tiny("test_efficientnet"), Numbers(), tmp_path)
    found.extract(orders(FEWEST_TIMED - 1), Silent(), "reading", keep=False)
    assert measured_speed("test_efficientnet", tmp_path) is None
    result = found.extract(orders(64), Silent(), "reading", keep=False)
    expected = 64 * SIDE**2 / 224**2 / result.seconds
    assert measured_speed("test_efficientnet", tmp_path) == pytest.approx(expected, rel=0.01)
