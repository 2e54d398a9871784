"""Extraction computes each row once, whatever goes wrong on the way."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample, Text
from preseason.engine.extract import MIN_TIMED, Extractor, Order
from preseason.engine.passes import WHOLE, Box, FeatureSpec
from preseason.engine.upkeep import usage
from preseason.errors import CacheError, MediaError
from preseason.runtime.progress import Silent
from preseason.runtime.speeds import measured_speed
from tiny_engine import PLAN, SIDE, close, expected_of, pictures, tiny


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny()


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


class Numbers:
    """Pictures drawn from the number that a sample is named by; some cannot be read."""

    def __init__(self, unreadable: frozenset[int] = frozenset(), stop_at: int | None = None) -> None:
        self.unreadable, self.stop_at = unreadable, stop_at
        self.read: Counter[int] = Counter()

    def decode(self, sample: Sample, spec: FeatureSpec) -> np.ndarray:
        number = int(str(sample.source))
        if number == self.stop_at:
            raise KeyboardInterrupt
        if number in self.unreadable:
            raise MediaError(f"number {number} is torn")
        self.read[number] += 1
        whole = pictures(1, seed=number)[0]
        return np.stack([whole if crop.x0 < crop.x1 else whole[:, ::-1] for crop in spec.crops])


def orders(count: int) -> list[Order]:
    return [Order(Sample(Text(str(number)), fingerprint=f"f{number}")) for number in range(count)]


def extractor(backbone: Backbone, source: Numbers, cache: Path, spec: FeatureSpec = PLAN) -> Extractor:
    return Extractor(backbone, spec, source, cache, "cpu")


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
    assert [str(order.sample.source) for order in again.missing(orders(11))] == ["10"]
    assert again.extract(orders(11), Silent(), "reading").computed == 1
    assert source.read == Counter(range(11))
    assert [shelf.rows for shelf in usage(cache)] == [11]


def test_copies_of_one_photo_are_decoded_once(backbone: Backbone, cache: Path) -> None:
    source = Numbers()
    twins = [Order(Sample(Text("1"), fingerprint="same")), Order(Sample(Text("2"), fingerprint="same"))]
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
    spec = FeatureSpec(SIDE, crops=(), dynamic_crops=2)
    crops = (WHOLE, WHOLE.mirrored())
    order = Order(Sample(Text("4"), fingerprint="f4"), crops)
    found = extractor(backbone, Numbers(), tmp_path, spec).extract([order], Silent(), "reading")
    plain = pictures(1, seed=4)
    expected = expected_of(backbone, np.concatenate([plain, plain[:, :, ::-1]]), FeatureSpec(SIDE))
    assert close(found.rows[0].astype(np.float32), expected[:, 0])
    assert not close(found.rows[0][:1].astype(np.float32), expected[1])


@pytest.mark.parametrize(("kept", "shape"), [("pooled", (10, -1)), ("map", (2, -1, 32, 32))])
def test_the_shape_of_a_row_is_known_before_any_is_computed(
    backbone: Backbone, tmp_path: Path, kept: str, shape: tuple[int, ...]
) -> None:
    spec = FeatureSpec(SIDE, crops=(WHOLE, Box(0, 0, 0.5, 0.5)), regions=PLAN.regions, kept=kept, cut=2)
    found = extractor(backbone, Numbers(), tmp_path, spec)
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
        extractor(backbone, Numbers(), tmp_path).extract(orders(MIN_TIMED), Silent(), "reading")
    speed = measured_speed("test_efficientnet", tmp_path)
    assert speed is not None
    assert speed > 1
    assert measured_speed("with random weights", tmp_path) is None


def test_the_speed_of_a_part_of_the_network_is_not_taken_for_the_wholes(tmp_path: Path) -> None:
    spec = FeatureSpec(SIDE, kept="map", cut=1)
    found = extractor(tiny("test_efficientnet"), Numbers(), tmp_path, spec)
    found.extract(orders(MIN_TIMED), Silent(), "reading", keep=False)
    assert measured_speed("test_efficientnet", tmp_path) is None


def test_the_speed_is_of_pictures_of_224_pixels_without_the_conversion(tmp_path: Path) -> None:
    found = extractor(tiny("test_efficientnet"), Numbers(), tmp_path)
    found.extract(orders(MIN_TIMED - 1), Silent(), "reading", keep=False)
    assert measured_speed("test_efficientnet", tmp_path) is None
    result = found.extract(orders(64), Silent(), "reading", keep=False)
    expected = 64 * SIDE**2 / 224**2 / result.seconds
    assert measured_speed("test_efficientnet", tmp_path) == pytest.approx(expected, rel=0.01)


@pytest.mark.gpu
def test_cuda_rows_have_a_shelf_of_their_own(backbone: Backbone, tmp_path: Path) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        extractor = Extractor(tiny(), PLAN, Numbers(), tmp_path, device)
        found[device] = extractor.extract(orders(20), Silent(), "reading").rows[:]
    assert len(usage(tmp_path)) == 2
    assert np.abs(found["cpu"] - found["cuda"]).max() <= 0.03 * np.abs(found["cpu"]).max()
