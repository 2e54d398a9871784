"""Pictures of a report: read from whatever was found, kept small, and what counted in them shown."""

import io

import numpy as np
import pytest
from PIL import Image

from preseason.report.pictures import place_of, small, spotlight

BOXES = np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)


def encoded(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "I;16", "1"])
def test_pictures_of_every_mode_become_small_rgb(mode: str) -> None:
    image = small(encoded(Image.new(mode, (800, 400))))
    assert image is not None
    assert (image.mode, image.size) == ("RGB", (320, 160))


def test_sixteen_bits_keep_their_contrast() -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 65535, 200).astype(np.uint16), (100, 1)))
    image = small(encoded(ramp))
    assert image is not None
    row = np.asarray(image)[50, :, 0]
    assert row[10] < 30
    assert row[-10] > 220


def test_pictures_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = small(encoded(Image.new("RGB", (600, 300)), "JPEG", exif=exif))
    assert image is not None
    assert image.size == (160, 320)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<html>", encoded(Image.new("RGB", (64, 64)))[:-30]])
def test_damaged_pictures_are_none(data: bytes) -> None:
    assert small(data) is None


def test_the_part_that_counted_keeps_its_colour_and_the_rest_goes_grey() -> None:
    image = Image.new("RGB", (200, 200), (200, 40, 40))
    drawn = np.asarray(spotlight(image, BOXES, np.array([0.02, 0.95, 0.03], np.float32)), np.int64)
    assert abs(drawn[50, 50] - (200, 40, 40)).max() < 12
    assert np.ptp(drawn[150, 50]) < 40
    assert drawn[150, 50].max() < drawn[50, 50].max() / 2
    assert (np.asarray(image) == (200, 40, 40)).all()


def test_a_look_at_the_whole_leaves_the_whole_bright() -> None:
    image = Image.new("RGB", (90, 60), (10, 200, 10))
    drawn = np.asarray(spotlight(image, BOXES[:1], np.ones(1, np.float32)))
    assert (drawn[30, 45] == (10, 200, 10)).all()


def test_places_are_named() -> None:
    assert place_of(BOXES[0]) == "the whole picture"
    assert place_of(BOXES[1]) == "the upper left"
    assert place_of(np.array([0.3, 0.3, 0.7, 0.7])) == "the middle"
