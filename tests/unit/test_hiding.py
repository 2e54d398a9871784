"""Hidden places lie where they should in every look, and hidden moments show their neighbours."""

from pathlib import Path

import numpy as np
from PIL import Image

from preseason.data.dataset import File, Sample
from preseason.engine.extract import Order
from preseason.engine.hiding import Cover, Hiding
from preseason.engine.passes import Box, FeatureSpec
from preseason.inference.pictures import crops_of
from preseason.report.explained import CELLS, heat_of

SIDE = 8


class Columns:
    """Looks whose every pixel holds its own column of the whole picture, 0 to 80; frames add 100 each."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> np.ndarray:
        frames = max(spec.frames, 1)
        out = []
        for frame in range(frames):
            for crop in spec.crops:
                middle = (np.arange(SIDE) + 0.5) / SIDE
                columns = 80 * (crop.x0 + middle * (crop.x1 - crop.x0))
                out.append(np.broadcast_to(columns[None, :, None] + 100 * frame, (SIDE, SIDE, 3)))
        return np.array(out).round().astype(np.uint8)


def hidden(cover: Cover, spec: FeatureSpec) -> tuple[np.ndarray, np.ndarray]:
    source = Hiding(Columns())
    source.covers = {"1": cover}
    plain = source.decode(Sample(File(Path("a")), fingerprint="f"), spec)
    return plain, source.decode(Sample(File(Path("a")), fingerprint="f", variant="1"), spec)


def test_a_place_is_hidden_in_the_whole_in_a_corner_and_in_a_mirrored_look() -> None:
    crops = (Box(0, 0, 1, 1), Box(0.5, 0, 1, 0.5), Box(1, 0, 0, 1))
    plain, covered = hidden(Cover(box=Box(0.5, 0.0, 0.75, 0.5)), FeatureSpec(SIDE, crops=crops))
    changed = (plain != covered).any(axis=-1)
    for crop in range(3):
        columns = plain[crop, 0, :, 0] / 80
        assert (changed[crop, 0] == ((columns > 0.5) & (columns < 0.75))).all(), crop
    assert not changed[0, SIDE // 2 :].any()
    assert changed[1, -1].any(), "the corner's look ends at half of the height, as the place does"


def test_a_crop_is_enlarged_in_every_look() -> None:
    crops = (Box(0, 0, 1, 1), Box(1, 0, 0, 1))
    _, closer = hidden(Cover(box=Box(0.5, 0, 1, 1), crop=True), FeatureSpec(SIDE, crops=crops))
    columns = 40 + 40 * (np.arange(SIDE) + 0.5) / SIDE
    assert (closer[0, 0, :, 0] == columns.round()).all()
    assert (closer[1, 0, :, 0] == columns[::-1].round()).all()


def test_a_moment_is_frozen_over_by_the_nearest_outside() -> None:
    plain, covered = hidden(Cover(span=(0.5, 1.0)), FeatureSpec(SIDE, frames=2))
    assert (covered[0] == plain[0]).all()
    assert (covered[1] == plain[0]).all()


def test_a_moment_of_the_middle_is_frozen_where_it_lies_in_the_whole() -> None:
    plain, covered = hidden(Cover(span=(0.5, 0.75)), FeatureSpec(SIDE, frames=2, middle=0.5))
    assert (covered[1] == plain[0]).all(), "the second half of the middle is the third quarter of the clip"
    plain, covered = hidden(Cover(span=(0.75, 1.0)), FeatureSpec(SIDE, frames=2, middle=0.5))
    assert (covered == plain).all(), "what the pass never looks at cannot be hidden from it"


def test_a_hidden_form_has_a_row_of_its_own() -> None:
    sample = Sample(File(Path("a")), fingerprint="f")
    assert Order(sample).key() == "f"
    assert Order(Sample(File(Path("a")), fingerprint="f", variant="1")).key() != "f"


def test_heat_is_the_mean_of_what_covers_a_cell() -> None:
    boxes = np.array([[0, 0, 0.5, 1], [0, 0, 1, 1]], np.float32)
    heat = heat_of(boxes, np.array([1.0, 0.5], np.float32))
    assert heat[0, 0] == np.float32(0.75)
    assert heat[0, CELLS - 1] == np.float32(0.5)


class Photos:
    """Photos as their task decodes them."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> np.ndarray:
        return crops_of(sample.path, spec.crops, spec.shape, spec.frame)


def test_a_place_is_hidden_and_enlarged_where_it_lies_in_the_square_of_a_wide_photo(tmp_path: Path) -> None:
    columns = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (100, 200, 3))
    Image.fromarray(columns).save(tmp_path / "wide.png")
    sample = Sample(File(tmp_path / "wide.png"), fingerprint="f")
    spec = FeatureSpec(100, frame="square")
    source = Hiding(Photos())
    source.covers = {
        "left": Cover(box=Box(0, 0, 0.5, 1)),
        "outside": Cover(box=Box(0, 0, 0.25, 1)),
        "closer": Cover(box=Box(0.5, 0, 1, 0.5), crop=True),
    }
    plain = source.decode(sample, spec)
    assert (plain[0, 0, :, 0] == np.arange(50, 150)).all()
    forms = {
        name: source.decode(Sample(sample.source, fingerprint="f", variant=name), spec)
        for name in source.covers
    }
    assert ((forms["left"] != plain).any(axis=(0, 1, 3)) == (np.arange(100) < 50)).sum() >= 99
    assert (forms["outside"] == plain).all()
    assert forms["closer"][0, 50, [0, -1], 0].tolist() == [125, 174]
