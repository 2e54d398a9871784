"""Pictures of instruments: grey of more than 8 bits keeps its brightness from one picture to the next."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preseason.data.dataset import File, Sample
from preseason.engine.passes import FeatureSpec, feature_spec_from
from preseason.media import image
from preseason.recipe import Recipe
from preseason.tasks.base import tasks
from tiny_engine import tiny


def deep(path: Path, largest: int, **options: object) -> Path:
    """A ramp of 16-bit grey up to a value."""
    values = np.linspace(0, largest, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(values).save(path, **options)  # type: ignore[arg-type]
    return path


def test_neighbours_in_brightness_stay_neighbours(tmp_path: Path) -> None:
    below, above = deep(tmp_path / "a.png", 4000), deep(tmp_path / "b.png", 4200)
    white = image.white_of([below, above])
    assert white == 16383
    one, other = (int(image.decode(path, white=white).max()) for path in (below, above))
    assert (one, other) == (62, 65)
    assert int(image.decode(below).max()) > 200  # alone, its range would be guessed


@pytest.mark.parametrize(("largest", "white"), [(200, 255), (1000, 1023), (4095, 4095), (16000, 16383)])
def test_the_range_is_the_fewest_bits_that_hold_all(tmp_path: Path, largest: int, white: float) -> None:
    paths = [deep(tmp_path / "a.tif", largest // 3), deep(tmp_path / "b.png", largest)]
    assert image.white_of(paths) == white


def test_a_tag_of_the_instrument_tells_the_range(tmp_path: Path) -> None:
    assert image.white_of([deep(tmp_path / "a.tif", 300, tiffinfo={281: 4095})]) == 4095


def test_other_pictures_have_no_such_range(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    Image.new("L", (9, 9), 7).save(tmp_path / "b.tif")
    (tmp_path / "c.tif").write_bytes(b"II*\x00 broken")
    assert image.white_of([tmp_path / name for name in ("a.png", "b.tif", "c.tif", "none.png")]) == 0


def test_brighter_pictures_than_those_of_training_are_white_at_most(tmp_path: Path) -> None:
    bright = image.decode(deep(tmp_path / "a.png", 60000), white=4095)
    assert (int(bright.min()), int(bright.max())) == (0, 255)


def test_the_range_is_part_of_every_way_and_kept_with_the_model(tmp_path: Path) -> None:
    from dataclasses import asdict

    samples = [Sample(File(deep(tmp_path / f"{top}.png", top)), label="a") for top in (900, 4000)]
    candidates = tasks.get("photos").candidates(Recipe(), tiny(), samples)
    assert {candidate.spec.white for candidate in candidates} == {4095.0}
    spec = candidates[0].spec
    assert feature_spec_from(asdict(spec)) == spec
    assert spec.facts()["white"] == 4095.0


def test_rows_of_other_photos_keep_their_keys() -> None:
    assert "white" not in FeatureSpec(224).facts()


def test_bytes_are_read_alike() -> None:
    buffer = BytesIO()
    Image.fromarray(np.full((8, 8), 2048, np.uint16)).save(buffer, "PNG")
    assert int(image.decode(buffer.getvalue(), white=4095)[0, 0, 0]) == 128
