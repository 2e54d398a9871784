"""Passes: regions of pictures, and pooling that equals the plain mean and maximum over each region."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from preseason.backbones.base import Backbone
from preseason.backbones.facts import Preprocessing
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.passes import WHOLE, Box, FeatureSpec, frame_of, grid
from preseason.inference.pictures import crops_of
from preseason.tasks.photos import QUARTERS, REGIONS, views


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    network = create("test_efficientnet")
    return Backbone("tiny", network, split_of(network), preprocessing_of(network), "none")


def pictures(width: int, count: int = 2, height: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, height or width, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(("count", "side"), [(1, 1.0), (2, 0.5), (2, 4 / 7), (3, 0.5), (4, 4 / 14)])
def test_a_grid_reaches_every_edge_and_stays_inside(count: int, side: float) -> None:
    boxes = grid(count, side)
    assert len(set(boxes)) == len(boxes) == count**2
    assert min(box.x0 for box in boxes) == min(box.y0 for box in boxes) == 0
    assert max(box.x1 for box in boxes) == max(box.y1 for box in boxes) == 1
    for box in boxes:
        assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((side, side), abs=1e-5)


def test_parts_are_regions_within_looks() -> None:
    spec = FeatureSpec(64, crops=(WHOLE, Box(0.5, 0, 1, 0.5)), regions=(WHOLE, Box(0, 0.5, 0.5, 1)))
    assert spec.parts() == (
        WHOLE,
        Box(0, 0.5, 0.5, 1),
        Box(0.5, 0, 1, 0.5),
        Box(0.5, 0.25, 0.75, 0.5),
    )


def test_the_left_of_a_mirrored_look_is_its_right() -> None:
    spec = FeatureSpec(64, crops=(WHOLE.mirrored(),), regions=(Box(0, 0, 0.25, 1),))
    assert spec.parts() == (Box(0.75, 0, 1, 1),)


def test_a_pass_of_own_looks_takes_them_from_the_sample() -> None:
    spec = FeatureSpec(64, crops=(), dynamic_crops=2, regions=(WHOLE,))
    own = (Box(0, 0, 0.5, 0.5), Box(0.5, 0.5, 1, 1))
    assert spec.count() == 2
    assert spec.parts(own) == own


def test_regions_of_one_size_are_one_kind_the_largest_first() -> None:
    spec = FeatureSpec(64, crops=(WHOLE, WHOLE.mirrored()), regions=(*grid(2, 0.5), WHOLE))
    assert spec.kinds() == 2 * [1, 1, 1, 1, 0]


@pytest.mark.parametrize("regions", [REGIONS, QUARTERS, (WHOLE,)])
def test_pooled_rows_are_means_and_maxima_of_each_region_of_each_block(
    backbone: Backbone, regions: tuple[Box, ...]
) -> None:
    """Exact where the regions lie on the last map's cells; 448 px make 14 of them here."""
    spec = FeatureSpec(448, regions=regions)
    batch = pictures(448)
    with torch.inference_mode():
        module = FrozenFeatures(backbone, spec)
        rows = module(batch)
        maps = backbone.maps(module.normalise(batch), range(len(backbone)))
    cells = maps[-1].shape[-1]
    assert cells == 14
    for index, box in enumerate(regions):
        means, peaks = [], []
        for m in maps:
            x0, y0, x1, y1 = (round(edge * cells) * m.shape[-1] // cells for edge in box)
            means.append(m[:, :, y0:y1, x0:x1].mean((2, 3)))
            peaks.append(m[:, :, y0:y1, x0:x1].amax((2, 3)))
        expected = torch.cat(means + peaks, dim=1)
        torch.testing.assert_close(rows[:, index], expected, rtol=1e-4, atol=1e-4)


def test_a_tall_input_is_pooled_over_its_own_cells(backbone: Backbone) -> None:
    spec = FeatureSpec(128, regions=(WHOLE, Box(0, 0, 1, 0.5)), height=256)
    assert spec.shape == (256, 128)
    batch = pictures(128, height=256)
    with torch.inference_mode():
        module = FrozenFeatures(backbone, spec)
        rows = module(batch)
        maps = backbone.maps(module.normalise(batch), range(len(backbone)))
    assert tuple(maps[-1].shape[-2:]) == (8, 4)
    for index, part in enumerate((1, 2)):
        upper = [m[:, :, : m.shape[2] // part] for m in maps]
        expected = torch.cat([m.mean((2, 3)) for m in upper] + [m.amax((2, 3)) for m in upper], dim=1)
        torch.testing.assert_close(rows[:, index], expected, rtol=1e-4, atol=1e-4)


def test_squares_keep_the_rows_that_were_computed_before_inputs_could_be_tall(backbone: Backbone) -> None:
    square, tall = FeatureSpec(128), FeatureSpec(128, height=256)
    assert square.key(backbone, "f32") != tall.key(backbone, "f32")
    assert "height" not in repr(sorted(square.facts())), "keys of squares do not name a height"


def test_chosen_blocks_alone_are_pooled(backbone: Backbone) -> None:
    every, some = FeatureSpec(160), FeatureSpec(160, blocks=(1, 3))
    with torch.inference_mode():
        full, fewer = (FrozenFeatures(backbone, spec)(pictures(160)) for spec in (every, some))
        widths = [m.shape[1] for m in backbone.maps(torch.zeros(1, 3, 160, 160), range(len(backbone)))]
    starts = np.cumsum([0, *widths])
    chosen = [int(c) for block in (1, 3) for c in range(starts[block], starts[block + 1])]
    expected = full[0, 0, chosen + [c + int(starts[-1]) for c in chosen]]
    # The cells are those of the last chosen block, so the sums run in another order.
    torch.testing.assert_close(fewer[0, 0], expected, rtol=1e-3, atol=1e-4)


def test_a_map_is_what_the_block_at_the_cut_takes(backbone: Backbone) -> None:
    batch = pictures(160)
    module = FrozenFeatures(backbone, FeatureSpec(160, kept="map", cut=3))
    with torch.inference_mode():
        whole = backbone(module.normalise(batch))
        rest = backbone.split.embed(backbone.run(module(batch), start=3))
    torch.testing.assert_close(rest, whole)


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet"])
def test_the_map_after_the_last_block_has_its_channels_first(name: str) -> None:
    network = create(name)
    backbone = Backbone(name, network, split_of(network), preprocessing_of(network), "none")
    with torch.inference_mode():
        out = FrozenFeatures(backbone, FeatureSpec(160, kept="map", cut=len(backbone)))(pictures(160))
    assert out.ndim == 4
    assert out.shape[2] == out.shape[3]


def test_normalisation_is_in_the_graph(backbone: Backbone) -> None:
    white = torch.full((1, 32, 32, 3), 255, dtype=torch.uint8)
    module = FrozenFeatures(backbone, FeatureSpec(32, kept="map", cut=0))
    module.normalise = type(module.normalise)(Preprocessing(32, (0.5, 0.25, 0.0), (0.5, 0.25, 2.0), True))
    found = module(white)
    assert found.shape == (1, 3, 32, 32)
    torch.testing.assert_close(found[0, :, 5, 7], torch.tensor([1.0, 3.0, 0.5]))


def test_other_weights_give_another_key(backbone: Backbone) -> None:
    torch.manual_seed(1)
    network = create("test_efficientnet")
    other = Backbone("tiny", network, split_of(network), backbone.preprocessing, "none")
    spec = FeatureSpec(160)
    assert spec.key(backbone, "f32") != spec.key(other, "f32")
    assert spec.key(backbone, "f32") == FeatureSpec(160, crops=(WHOLE,)).key(backbone, "f32")
    assert spec.key(backbone, "f32") != replace(spec, size=192).key(backbone, "f32")


@pytest.mark.parametrize("count", range(1, 10))
def test_views_are_different_looks_beginning_with_the_whole(count: int) -> None:
    found = views(count)
    assert len(found) == count
    assert found[0] == WHOLE
    if count <= 6:
        assert len(set(found)) == count


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (100, 200, Box(0.25, 0, 0.75, 1)),
        (200, 100, Box(0, 0.125, 1, 0.625)),
        (64, 64, WHOLE),
    ],
)
def test_the_square_lies_in_the_middle_of_wide_pictures_and_a_quarter_down_in_tall_ones(
    height: int, width: int, expected: Box
) -> None:
    assert frame_of("square", height, width) == expected
    assert frame_of("whole", height, width) == WHOLE


def test_what_came_later_leaves_the_keys_of_older_rows_as_they_were() -> None:
    assert "frame" not in FeatureSpec(64).facts()
    assert FeatureSpec(64, frame="square").facts()["frame"] == "square"


def test_nothing_is_squeezed_in_the_square(tmp_path: Path) -> None:
    y, x = np.mgrid[:120, :300]
    disc = np.where((x - 150) ** 2 + (y - 60) ** 2 < 40**2, 255, 0).astype(np.uint8)
    Image.fromarray(disc).save(tmp_path / "disc.png")
    wide, tall = {}, {}
    for frame in ("whole", "square"):
        seen = crops_of(tmp_path / "disc.png", [WHOLE, WHOLE.mirrored()], (96, 96), frame)[:, ..., 0] > 127
        wide[frame], tall[frame] = seen.any(axis=1).sum(axis=1), seen.any(axis=2).sum(axis=1)
        assert (seen[0] == seen[1, :, ::-1]).all()
    assert (abs(wide["square"] - tall["square"]) <= 1).all()
    assert (wide["whole"] < 0.5 * tall["whole"]).all()
