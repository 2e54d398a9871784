"""A pass that keeps several blocks' maps: any size through one graph, rows on disk read piece by piece."""

from pathlib import Path

import numpy as np
import pytest
import torch

from preseason.data.dataset import Sample, Text
from preseason.engine.extract import Extractor, Order
from preseason.engine.feeds.base import feed_for
from preseason.engine.feeds.maps import MapsFeed, map_shapes
from preseason.engine.graphs.pictures import FrozenMaps
from preseason.engine.passes import WHOLE, FeatureSpec
from preseason.runtime.progress import Silent
from tiny_engine import close, tiny

BLOCKS = (1, 3, 5)


def spec_of(height: int, width: int) -> FeatureSpec:
    return FeatureSpec(
        width, crops=(), dynamic_crops=1, blocks=BLOCKS, kept="maps", height=height, longest=width
    )


class Noise:
    """Noise of the shape that is asked for, mirrored where the look is."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> np.ndarray:
        rng = np.random.default_rng(int(str(sample.source)))
        whole = rng.integers(0, 256, (*spec.shape, 3), np.uint8)
        return np.stack([whole if crop.x0 < crop.x1 else whole[:, ::-1] for crop in spec.crops])


def test_rows_are_the_maps_one_after_the_other_in_every_size(tmp_path: Path) -> None:
    backbone = tiny()
    for height, width in ((64, 96), (96, 160)):
        extractor = Extractor(backbone, spec_of(height, width), Noise(), tmp_path, "cpu")
        orders = [
            Order(Sample(Text(str(n)), fingerprint=f"f{n}"), (part,))
            for n in (1, 2) for part in (WHOLE, WHOLE.mirrored())
        ]  # fmt: skip
        rows = extractor.extract(orders, Silent(), "reading").rows
        module = FrozenMaps(backbone, spec_of(height, width))
        shapes = map_shapes(module, (height, width))
        assert rows.shape == (4, sum(c * h * w for c, h, w in shapes))
        picture = Noise().decode(orders[3].sample, FeatureSpec(width, orders[3].crops, height=height))
        with torch.inference_mode():
            expected = module(torch.from_numpy(picture))
        row = rows.mapped(3)  # type: ignore[union-attr]
        ends = np.cumsum([c * h * w for c, h, w in shapes])
        for end, shape, each in zip(ends, shapes, expected, strict=True):
            assert close(row[end - np.prod(shape) : end].reshape(shape), each[0].numpy())
    assert len(list((tmp_path / "networks").glob("*.xml"))) == 1


def test_a_mapped_row_is_not_copied_and_not_written(tmp_path: Path) -> None:
    extractor = Extractor(tiny(), spec_of(64, 64), Noise(), tmp_path, "cpu")
    rows = extractor.extract([Order(Sample(Text("1"), fingerprint="f"), (WHOLE,))], Silent(), "").rows
    row = rows.mapped(0)  # type: ignore[union-attr]
    assert isinstance(row.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        row[0] = 1


def test_the_feed_goes_by_what_is_kept() -> None:
    feed = feed_for(tiny(), spec_of(64, 64))
    assert isinstance(feed, MapsFeed)
    assert feed.graph == feed_for(tiny(), spec_of(96, 64)).graph
    assert spec_of(64, 64).facts().keys() - FeatureSpec(64).facts().keys() == {"height", "longest"}
