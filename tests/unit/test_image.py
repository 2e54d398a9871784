import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from preseason.errors import MediaError
from preseason.media import image

AS_STORED = dict(
    zip(
        range(2, 9),
        [
            Image.Transpose.FLIP_LEFT_RIGHT,
            Image.Transpose.ROTATE_180,
            Image.Transpose.FLIP_TOP_BOTTOM,
            Image.Transpose.TRANSPOSE,
            Image.Transpose.ROTATE_90,
            Image.Transpose.TRANSVERSE,
            Image.Transpose.ROTATE_270,
        ],
        strict=True,
    )
)
FORMATS = ["JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF"]


def scene(height: int = 60, width: int = 90) -> NDArray[np.uint8]:
    """Red left, blue right, green below: every turn and flip shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (220, 30, 30)
    pixels[:, width // 2 :] = (30, 30, 220)
    pixels[height // 2 :] = (30, 200, 30)
    return pixels


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_told_by_content_and_decoded(form: str, tmp_path: Path) -> None:
    path = tmp_path / "liar.txt"
    path.write_bytes(encoded(Image.fromarray(scene()), form))
    assert image.sniff(path.read_bytes()[:64]) == form
    assert image.check(path) is None
    pixels = image.decode(path)
    assert pixels.shape == (60, 90, 3)
    assert pixels.dtype == np.uint8
    assert image.size(path) == (60, 90)
    assert np.abs(pixels[5, 5].astype(int) - (220, 30, 30)).max() < 40


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WebP", "TIFF"])
def test_exif_orientation_is_undone(orientation: int, form: str) -> None:
    upright = Image.fromarray(scene())
    stored = upright if orientation == 1 else upright.transpose(AS_STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, form, exif=exif.tobytes() if form != "TIFF" else exif)
    assert image.size(data) == (60, 90)
    difference = image.decode(data).astype(int) - scene()
    assert np.abs(difference).mean() < 8


def test_transparent_pictures_lie_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    for mode in ("RGBA", "LA"):
        assert (image.decode(encoded(clear.convert(mode), "PNG")) == 255).all()
    palette = Image.new("P", (8, 8), 3)
    palette.putpalette([0, 0, 0] * 256)
    assert (image.decode(encoded(palette, "PNG", transparency=3)) == 255).all()
    assert (image.decode(encoded(palette, "PNG")) == 0).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_modes_become_rgb(mode: str) -> None:
    form = "TIFF" if mode in ("1", "CMYK") else "PNG"
    pixels = image.decode(encoded(Image.fromarray(scene()).convert(mode), form))
    assert pixels.shape == (60, 90, 3)
    if mode == "CMYK":
        assert pixels[5, 5].tolist() == [220, 30, 30]


@pytest.mark.parametrize(("top", "full"), [(255, 255), (4000, 4095), (60000, 65535)])
def test_sixteen_bit_grey_is_scaled_by_its_range(top: int, full: int) -> None:
    ramp = np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8)
    for form in ("PNG", "TIFF"):
        pixels = image.decode(encoded(Image.fromarray(ramp), form))
        assert np.abs(pixels[..., 0] - ramp * (255 / full)).max() <= 0.5 + 1e-9
        assert (pixels[..., 0] == pixels[..., 2]).all()


def test_float_pictures_are_stretched() -> None:
    values = np.linspace(-3, 5, 64, dtype=np.float32).reshape(8, 8)
    values[0, 0] = np.nan
    pixels = image.decode(encoded(Image.fromarray(values), "TIFF"))
    assert pixels.max() == 255
    assert pixels.min() == 0


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue")]
    for form in ("GIF", "WebP", "TIFF"):
        pixels = image.decode(encoded(frames[0], form, save_all=True, append_images=frames[1:]))
        assert pixels[3, 3, 0] > 240
        assert pixels[3, 3, 2] < 20


@pytest.mark.parametrize("form", FORMATS)
def test_longest_side_filters_down_and_never_up(form: str) -> None:
    data = encoded(Image.fromarray(scene(400, 600)), form)
    assert image.decode(data, 100).shape == (67, 100, 3)
    assert image.decode(data, 900).shape == (400, 600, 3)


def test_reduced_jpeg_agrees_with_the_full_one() -> None:
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)).resize((1600, 1200), 3)
    data = encoded(smooth, "JPEG", quality=95)
    small = image.decode(data, 128)
    full = Image.fromarray(image.decode(data)).resize((128, 96), Image.Resampling.BICUBIC)
    assert np.abs(small.astype(int) - np.asarray(full)).mean() < 1.5


def bomb(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    tiny = encoded(Image.new("RGB", (1, 1)), "PNG")
    check = struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return tiny[:16] + head + check + tiny[33:]


def test_bombs_are_refused_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MediaError, match="too large: 60000 x 60000 pixels"):
            image.decode(bomb(60000, 60000))


def test_the_pixel_limit_counts_what_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(scene(800, 1200)), "JPEG")
    monkeypatch.setattr(image, "PIXEL_LIMIT", 100_000)
    assert image.decode(data, 100).shape == (67, 100, 3)
    with pytest.raises(MediaError, match="too large"):
        image.decode(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.9])
def test_files_cut_short_give_a_reason(form: str, share: float) -> None:
    rng = np.random.default_rng(1)
    data = encoded(Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)), form)
    with pytest.raises(MediaError) as caught:
        image.decode(data[: int(len(data) * share)])
    assert any(text in str(caught.value) for text in ("cut short", "damaged", "not an image"))


def test_a_cut_photo_is_called_cut_short() -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8))
    for form in ("JPEG", "PNG"):
        data = encoded(noise, form)
        with pytest.raises(MediaError, match=r"^cut short: the file ends early$"):
            image.decode(data[: len(data) // 2])


def test_damaged_bytes_never_raise_anything_else() -> None:
    rng = np.random.default_rng(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for form in FORMATS:
            exif = Image.Exif()
            exif[0x0112] = 6
            data = np.frombuffer(encoded(Image.fromarray(scene()), form, exif=exif), np.uint8)
            for _ in range(60):
                hurt = data.copy()
                hurt[rng.integers(0, len(hurt), 12)] = rng.integers(0, 255, 12)
                for read in (image.decode, image.size):
                    with suppress(MediaError):
                        read(hurt.tobytes())


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"", "0 bytes: the file is empty"),
        ("a.jpg", b"<!DOCTYPE html><html>", "a web page saved as .jpg, not an image"),
        ("a.html", b"<html><head>", "a web page, not an image"),
        ("a.txt", "Tor für Köln\n".encode(), "a text file, not an image"),
        ("a.pdf", b"%PDF-1.7 ...", "a PDF document, not an image"),
        ("a.png", b"\x00" * 500, "a file of zeros saved as .png, not an image"),
        ("a.jxl", b"\xff\x0a 1234", "a JPEG XL image, a format not read here"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomavc1", "an MP4 or QuickTime video, not an"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing, a format not read here"),
        ("a.bin", bytes(range(1, 200)), "not an image: its content is of no known kind"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert (image.check(path) or "").startswith(reason)
    for read in (image.decode, image.size):
        with pytest.raises(MediaError) as caught:
            read(path)
        assert str(caught.value).startswith(reason)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none.jpg", "there is no such file"),
        (tmp_path, "a folder, not a file"),
    ):
        with pytest.raises(MediaError, match=reason):
            image.decode(path)
    assert image.check(tmp_path / "none.jpg") == "there is no such file"


def test_threads_agree_and_leave_the_warning_filters_alone() -> None:
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05\x01\x12"  # cut short: Pillow warns about it
    data = encoded(Image.fromarray(scene(200, 300)), "JPEG", exif=exif)
    expected = image.decode(data, 64)
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as leaked, ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("always")
        results = list(pool.map(lambda _: image.decode(data, 64), range(200)))
    assert leaked == []
    assert all((result == expected).all() for result in results)
    assert list(warnings.filters) == before


def test_thumbnail_is_a_small_jpeg() -> None:
    data = image.thumbnail_jpeg(scene(400, 600), 120)
    assert image.sniff(data) == "JPEG"
    assert image.size(data) == (80, 120)
