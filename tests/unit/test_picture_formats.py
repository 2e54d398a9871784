"""Formats that people have beside JPEG and PNG: of phones, scanners and instruments."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from preseason.errors import MediaError
from preseason.media import dicom, image

PIXELS = np.zeros((40, 60, 3), np.uint8)
PIXELS[:, :30] = (200, 30, 30)
PIXELS[:, 30:] = (20, 40, 190)


def written(kind: str, pixels: np.ndarray = PIXELS, **options: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def heic() -> bytes:
    heif = pytest.importorskip("pillow_heif")
    buffer = BytesIO()
    heif.from_pillow(Image.fromarray(PIXELS)).save(buffer, quality=90)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.heic", "a.jpg", "a.HEIF", "a"])
def test_a_phones_photo_is_read_whatever_it_is_called(heic: bytes, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(heic)
    assert image.check(tmp_path / name) is None
    assert image.size(tmp_path / name) == (40, 60)
    assert np.abs(image.decode(tmp_path / name).astype(int) - PIXELS).mean() < 8
    assert image.decode(tmp_path / name, 30).shape == (20, 30, 3)


def test_a_phones_photo_that_ends_early_is_named(heic: bytes) -> None:
    with pytest.raises(MediaError, match=r"damaged|cut short"):
        image.decode(heic[: len(heic) // 2])


@pytest.mark.parametrize(
    ("kind", "suffix", "options"),
    [
        ("JPEG2000", ".jp2", {"irreversible": False}),
        ("JPEG2000", ".j2k", {"irreversible": False, "no_jp2": True}),
        ("PPM", ".ppm", {}),
        ("TGA", ".tga", {}),
        ("TGA", ".tga", {"compression": "tga_rle"}),
    ],
)
def test_formats_without_loss_give_the_same_pixels(
    tmp_path: Path, kind: str, suffix: str, options: dict[str, Any]
) -> None:
    (tmp_path / f"a{suffix}").write_bytes(written(kind, **options))
    assert image.check(tmp_path / f"a{suffix}") is None
    np.testing.assert_array_equal(image.decode(tmp_path / f"a{suffix}"), PIXELS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.dng", b"II*\x00\x08\x00\x00\x00" + bytes(99)),
        ("a.NEF", b"MM\x00*\x00\x00\x00\x08" + bytes(99)),
        ("a.jpg", b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(99)),
        ("a.cr3", b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom" + bytes(99)),
        ("a.orf", b"IIRO\x08\x00\x00\x00" + bytes(99)),
    ],
)
def test_raw_photos_are_named_and_their_previews_not_taken(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert "raw photo" in str(image.check(tmp_path / name))
    with pytest.raises(MediaError, match="raw photo"):
        image.decode(tmp_path / name)


def test_tiff_for_large_files_and_several_pages_is_read() -> None:
    pages = {"save_all": True, "append_images": [Image.fromarray(255 - PIXELS)]}
    for options in ({"big_tiff": True}, pages):
        np.testing.assert_array_equal(image.decode(written("TIFF", **options)), PIXELS)


def test_a_burst_of_a_phone_shows_its_first_photo(heic: bytes) -> None:
    heif = pytest.importorskip("pillow_heif")
    burst = heif.from_pillow(Image.fromarray(PIXELS))
    burst.add_from_pillow(Image.fromarray(255 - PIXELS))
    buffer = BytesIO()
    burst.save(buffer, quality=90)
    assert np.abs(image.decode(buffer.getvalue()).astype(int) - PIXELS).mean() < 8


def test_grey_and_bitmap_of_netpbm_are_read() -> None:
    grey = PIXELS[..., 0]
    np.testing.assert_array_equal(image.decode(written("PPM", grey))[..., 1], grey)
    assert image.decode(b"P1\n# by hand\n2 1\n1 0\n").tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(
    "content", [b"P5 was our best player", b"P6\n", b"\x00\x01\x02 noise" * 9, b"\x00" * 40]
)
def test_other_content_is_not_taken_for_these(content: bytes) -> None:
    assert image.sniff(content) is None


def jpeg(**options: Any) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    return written("JPEG", noise, **options)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_jpeg_that_lacks_its_end_mark_alone_is_whole(options: dict[str, Any]) -> None:
    content = jpeg(**options)
    assert content.endswith(b"\xff\xd9")
    np.testing.assert_array_equal(image.decode(content[:-2]), image.decode(content))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_a_jpeg_whose_pixels_are_missing_stays_refused(share: float) -> None:
    content = jpeg()
    with pytest.raises(MediaError, match="cut short"):
        image.decode(content[: int(len(content) * share)])


def device_picture(values: np.ndarray, **tags: Any) -> bytes:
    """A DICOM file with a patient in it."""
    pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = (
        SecondaryCaptureImageStorage,
        ExplicitVRLittleEndian,
    )
    meta.MediaStorageSOPInstanceUID = generate_uid()
    found = Dataset()
    found.file_meta = meta
    found.PatientName, found.PatientID, found.PatientBirthDate = "Doe^Jane", "PID-77", "19700101"
    found.SOPClassUID, found.SOPInstanceUID = SecondaryCaptureImageStorage, meta.MediaStorageSOPInstanceUID
    colour = values.ndim == 3 and values.shape[-1] == 3
    frames = values.ndim == 3 and not colour
    found.Rows, found.Columns = values.shape[1:3] if frames else values.shape[:2]
    if frames:
        found.NumberOfFrames = len(values)
    found.SamplesPerPixel = 3 if colour else 1
    found.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        found.PlanarConfiguration = 0
    bits = values.dtype.itemsize * 8
    found.BitsAllocated, found.BitsStored, found.HighBit = bits, bits, bits - 1
    found.PixelRepresentation = 0
    found.PixelData = values.tobytes()
    for name, value in tags.items():
        setattr(found, name, value)
    buffer = BytesIO()
    found.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


RAMP = np.tile(np.arange(0, 4096, 64, dtype=np.uint16), (64, 1))


def test_grey_values_go_through_the_window_of_the_file() -> None:
    windowed = image.decode(
        device_picture(RAMP, BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=1024)
    )
    shown = windowed[0, :, 0].astype(int)
    assert (shown[RAMP[0] <= 1535] == 0).all()
    assert (shown[RAMP[0] >= 2560] == 255).all()
    assert abs(shown[RAMP[0] == 2048][0] - 128) <= 1


def test_without_a_window_the_bits_are_the_range_not_the_picture() -> None:
    dim = image.decode(device_picture(RAMP // 4, BitsStored=12, HighBit=11))
    full = image.decode(device_picture(RAMP, BitsStored=12, HighBit=11))
    assert (dim.max(), full.max()) == (63, 251)


def test_large_values_are_dark_where_the_file_says_so() -> None:
    plain = image.decode(device_picture(RAMP, BitsStored=12, HighBit=11))
    turned = image.decode(
        device_picture(RAMP, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    )
    np.testing.assert_array_equal(turned, 255 - plain)


def test_colour_and_frames_of_device_pictures() -> None:
    np.testing.assert_array_equal(image.decode(device_picture(PIXELS)), PIXELS)
    frames = np.stack([PIXELS[..., 0], 255 - PIXELS[..., 0]])
    np.testing.assert_array_equal(image.decode(device_picture(frames))[..., 0], frames[0])
    assert image.size(device_picture(PIXELS)) == (40, 60)


def test_nothing_of_a_patient_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pydicom

    seen = []
    read = pydicom.dcmread

    def watched(*given: Any, **named: Any) -> Any:
        seen.append(read(*given, **named))
        return seen[-1]

    monkeypatch.setattr(pydicom, "dcmread", watched)
    content = device_picture(RAMP)
    image.decode(content)
    assert image.taken(content) is None
    assert seen
    assert not any("Doe" in str(each) or "PID-77" in str(each) or "1970" in str(each) for each in seen)


def test_without_the_package_a_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.dcm").write_bytes(device_picture(RAMP))
    monkeypatch.setattr("preseason.errors.packages.find_spec", lambda name: None)
    said = image.check(tmp_path / "a.dcm")
    assert said is not None
    assert "pip install 'preseason[medical]'" in said
    with pytest.raises(MediaError, match=r"preseason\[medical\]"):
        image.decode(tmp_path / "a.dcm")


@pytest.mark.parametrize("content", [b"\x00" * 128 + b"DICM", b"\x00" * 128 + b"DICM" + b"junk" * 50])
def test_a_device_file_without_a_picture_is_named(content: bytes) -> None:
    pytest.importorskip("pydicom")
    with pytest.raises(MediaError):
        image.decode(content)


def test_only_pixel_tags_are_asked_for() -> None:
    assert not any(
        word in tag for tag in dicom.PIXEL_TAGS for word in ("Patient", "Name", "Date", "Physician", "Study")
    )


def test_photos_of_the_usual_formats_load_no_further_package() -> None:
    code = (
        "import sys, io; from PIL import Image; from preseason.media import image; b = io.BytesIO(); "
        "Image.new('RGB', (9, 9)).save(b, 'PNG'); image.decode(b.getvalue()); "
        "print([n for n in ('pillow_heif', 'pydicom') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
