"""Photos to arrays: formats told by content, decoded to 8-bit RGB the right way up.

Transparent pictures are laid on white. Of animations and multi-page files the first picture is taken.
A `MediaError` of this module carries the bare reason, e.g. "cut short: the file ends early", so that
readers can put it beside the file's name.
"""

import math
import struct
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preseason.errors import MediaError
from preseason.media import content, dicom

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC", "JPEG 2000", "Netpbm", "TGA", "DICOM")
OFTEN = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff")
"""Suffixes of pictures, the usual ones first."""
_SELDOM = (".jp2", ".j2k", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".dcm", ".dicom")
SUFFIXES = frozenset((*OFTEN, *_SELDOM, ".avif", ".avifs", ".heic", ".heif"))
RAW = frozenset({".dng", ".nef", ".nrw", ".arw", ".sr2", ".pef", ".srw", ".erf", ".3fr", ".iiq", ".cr2"})
"""Suffixes of cameras' raw photos that begin as TIFF: what can be read there is a small preview."""
_NO_RAW = "a raw photo of a camera, a format not read here: save it as JPEG or PNG"
PIXEL_LIMIT = 180_000_000  # a 180 megapixel RGB picture takes 0.5 GB while it is decoded
EXIF_INNER, TAKEN, MAKER, MODEL = 0x8769, 0x9003, 0x010F, 0x0110
MAX_SAMPLE = 281
DEEP = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""Ranges of grey values of 8, 10, 12, 14 and 16 bits."""
_DRAFT_MARGIN = 2  # JPEG is decoded no smaller than this times the size asked, then filtered down
_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
_TURNS |= {6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}


def sniff(head: bytes) -> str | None:
    """The image format these first bytes belong to, one of `FORMATS`, or None.

    Example:
        >>> sniff(bytes.fromhex("ffd8ffe0")), sniff(b"<html>")
        ('JPEG', None)
    """
    found = content.kind(head)
    return found if found in FORMATS else None


def check(path: Path) -> str | None:
    """Why a file is no image, in plain words, or None if it looks like one; reads its head only."""
    try:
        return check_head(content.read_head(path), path.name)
    except MediaError as error:
        return str(error)


def check_head(head: bytes, name: str) -> str | None:
    """As `check`, of the first bytes of a file and its name."""
    found = sniff(head)
    if found == "DICOM":
        return dicom.missing()
    if found == "TIFF" and Path(name).suffix.lower() in RAW:
        return _NO_RAW
    return None if found else _not_an_image(head, Path(name).suffix)


def decode(source: Path | bytes, longest_side: int | None = None, white: float = 0.0) -> Pixels:
    """The picture as uint8 [h, w, 3], RGB, 0..255, turned as its EXIF orientation says.

    With `longest_side` the picture is filtered down (never up) until its longer side is that many
    pixels; a JPEG much larger than that is decoded at 1/2, 1/4 or 1/8 of its size in the first place.
    Safe to call from several threads.

    Args:
        white: the value of grey of more than 8 bits that becomes white; 0 tells it from the picture.

    Raises:
        MediaError: no image, damaged, cut short, or more than `PIXEL_LIMIT` pixels to decode.
    """
    with _opened(source) as image:
        if image.format == "JPEG" and longest_side is not None:
            _draft(image, longest_side)
        _refuse_bomb(image)
        image.load()
        shown = _on_white(_shrunk(_eight_bit(image, white), longest_side))
        return np.array(_upright(shown, _orientation(image)), dtype=np.uint8)


def white_of(pictures: Iterable[Path | bytes]) -> float:
    """The white of a data set: the range that values of its grey pictures of more than 8 bits fill.

    Their tags tell it (TIFF 6.0, MaxSampleValue), else the fewest bits that hold the largest value:
    pictures of one instrument keep their brightness among each other. 0 without such values.
    """
    largest = 0.0
    for picture in pictures:
        with suppress(MediaError):
            head = picture[: content.HEAD_BYTES] if isinstance(picture, bytes) else content.read_head(picture)
            if may_be_deep(head):
                largest = max(largest, _largest_in(picture))
    return next((top for top in DEEP if largest <= top), 0.0) if largest else 0.0


def may_be_deep(head: bytes) -> bool:
    """Whether a file of this head may hold grey of more than 8 bits; all others need not be opened."""
    found = sniff(head)
    return found in ("TIFF", "JPEG 2000", "Netpbm") or (found == "PNG" and head[24:26] == b"\x10\x00")


def _largest_in(picture: Path | bytes) -> float:
    """The largest value of a deep grey picture, or that its tags name; 0 of any other."""
    with _opened(picture) as image:
        if not image.mode.startswith("I"):
            return 0.0
        tagged = getattr(image, "tag_v2", {}).get(MAX_SAMPLE)
        if tagged:
            return float(tagged[0] if isinstance(tagged, tuple) else tagged)
        _refuse_bomb(image)
        values = np.asarray(image)
        return 0.0 if float(values.min()) < 0 else float(values.max())


def size(source: Path | bytes) -> tuple[int, int]:
    """Height and width in pixels, the right way up, without decoding the picture.

    Raises:
        MediaError: no image, or its header is damaged.
    """
    return header(source)[0]


def header(source: Path | bytes) -> tuple[tuple[int, int], int]:
    """`size`, and the EXIF orientation 1..8 by which the stored picture is turned to be shown.

    Raises:
        MediaError: as of `size`.
    """
    with _opened(source) as image:
        width, height = image.size
        # Pillow reports a TIFF the right way up already
        orientation = 1 if image.format == "TIFF" else _orientation(image)
    return ((width, height) if orientation >= 5 else (height, width)), orientation


def taken(source: Path | bytes) -> tuple[str, float] | None:
    """The camera and the seconds of its clock when a photo was taken, as its EXIF data says; None without.

    Raises:
        MediaError: no image, or its header is damaged.
    """
    with _opened(source) as image:
        try:
            exif = image.getexif()
            inner = exif.get_ifd(EXIF_INNER)
        except (SyntaxError, ValueError, OSError, KeyError, TypeError, struct.error):
            return None
    written = str(inner.get(TAKEN) or "").strip(chr(0) + " ")
    try:
        moment = datetime.strptime(written, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return f"{exif.get(MAKER, '')} {exif.get(MODEL, '')}", moment.timestamp()


def pictures_in(path: Path) -> int:
    """How many pictures a file holds: more than one for animations; 0 where it cannot be read."""
    try:
        with _opened(path) as opened:
            return int(getattr(opened, "n_frames", 1))
    except MediaError:
        return 0


def thumbnail_jpeg(array: Pixels, longest_side: int = 160, quality: int = 82) -> bytes:
    """A JPEG file of `array` (uint8 [h, w, 3]), its longer side at most `longest_side` pixels."""
    from PIL import Image

    buffer = BytesIO()
    _shrunk(Image.fromarray(array), longest_side).save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


@contextmanager
def _opened(source: Path | bytes) -> "Iterator[ImageFile]":
    """The picture's header read by the plug-in of its true format; every failure becomes MediaError."""
    data = _read(source)
    suffix = source.suffix if isinstance(source, Path) else ""
    found = sniff(data[: content.HEAD_BYTES])
    if found == "TIFF" and suffix.lower() in RAW:
        raise MediaError(_NO_RAW)
    if found is None:
        raise MediaError(_not_an_image(data[: content.HEAD_BYTES], suffix))
    try:
        with _quiet, _plugin(found, _mended(found, data)) as image:
            yield image
    except MemoryError:
        raise MediaError("too large to decode in this machine's memory") from None
    except MediaError:
        raise
    except Exception as error:  # Pillow's plug-ins let out nearly every type on damaged files
        raise MediaError(_damage(error)) from error


def _mended(found: str, data: bytes) -> bytes:
    """A JPEG without its end mark gets one, where every pixel is there; all other files as they are.

    Pixels that are missing would be made of whatever follows: two fillers then give two pictures.
    """
    if found != "JPEG" or b"\xff\xd9" in data[-64:]:
        return data
    from PIL.JpegImagePlugin import JpegImageFile

    shown = []
    for filler in (b"\x00", b"\x55"):
        with JpegImageFile(BytesIO(data + filler * 4096 + b"\xff\xd9")) as picture:
            shown.append(picture.tobytes())
    return data + b"\xff\xd9" if shown[0] == shown[1] else data


def _plugin(found: str, data: bytes) -> "ImageFile":
    """Opened by class rather than Image.open, which guesses and judges size before JPEG can be reduced."""
    if found == "DICOM":
        return dicom.opened(data)
    if found == "HEIC":
        from pillow_heif import HeifImageFile

        heic: ImageFile = HeifImageFile(BytesIO(data))  # type: ignore[no-untyped-call]
        return heic
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        TgaImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    classes: dict[str, type[ImageFile]] = {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WebP": WebPImagePlugin.WebPImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "AVIF": AvifImagePlugin.AvifImageFile,
        "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "Netpbm": PpmImagePlugin.PpmImageFile,
        "TGA": TgaImagePlugin.TgaImageFile,
    }
    return classes[found](BytesIO(data))


def _read(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as error:
        raise MediaError(content.opening_failure(error)) from None


def _not_an_image(head: bytes, suffix: str) -> str:
    found = content.kind(head)
    if found == "empty file":
        return "0 bytes: the file is empty"
    if found is None:
        return "not an image: its content is of no known kind"
    if found.endswith((" photo", " image", " drawing")):
        return f"{_article(found)} {found}, a format not read here: save it as JPEG or PNG"
    saved = f" saved as {suffix.lower()}" if suffix.lower() in SUFFIXES else ""
    return f"{_article(found)} {found}{saved}, not an image"


def _article(name: str) -> str:
    return "an" if name[0] in "aeioAEIO" or name.split(maxsplit=1)[0] in ("SVG", "XML", "MP3", "MP4") else "a"


def _damage(error: BaseException) -> str:
    text = str(error)
    if type(error).__name__ == "DecompressionBombError":
        return f"too large: more than {PIXEL_LIMIT // 10**6} million pixels"
    if isinstance(error, EOFError) or any(word in text.lower() for word in ("truncat", "end of file")):
        return "cut short: the file ends early"
    return f"damaged: it cannot be decoded ({text or type(error).__name__})"


def _draft(image: "ImageFile", longest_side: int) -> None:
    width, height = image.size
    scale = _DRAFT_MARGIN * longest_side / max(width, height)
    if scale < 1:
        # the mode given is the image's own, so that only the size changes
        image.draft(image.mode, (math.ceil(width * scale), math.ceil(height * scale)))


def _refuse_bomb(image: "ImageFile") -> None:
    width, height = image.size
    if width * height > PIXEL_LIMIT:
        raise MediaError(
            f"too large: {width} x {height} pixels, and at most {PIXEL_LIMIT // 10**6} million are decoded"
        )


def _eight_bit(image: "Image", white: float = 0.0) -> "Image":
    """Any mode to one that can be resized: L, LA, RGB, RGBA or CMYK, 8 bit a channel."""
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image, white)
    if image.mode in ("PA", "La", "RGBa", "LA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _from_deep(image: "Image", white: float = 0.0) -> "Image":
    """16-bit, 32-bit and float grey to 8 bit: integers up to `white` where that is known.

    Else values up to 255, 4095 (12-bit scanners) or 65535 are scaled by that full range, so that pictures of
    one source stay comparable; anything else has no agreed range and is stretched from least to largest.
    """
    from PIL import Image

    values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    least, largest = float(values.min()), float(values.max())
    if white and image.mode != "F" and least >= 0:
        return Image.fromarray(np.rint(values * (255.0 / white)).clip(0, 255).astype(np.uint8))
    full = next((top for top in (255.0, 4095.0, 65535.0) if largest <= top), None)
    if image.mode == "F" or least < 0 or full is None:
        values, full = values - least, max(largest - least, 1e-12)
    return Image.fromarray(np.rint(values * (255.0 / full)).clip(0, 255).astype(np.uint8))


def _shrunk(image: "Image", longest_side: int | None) -> "Image":
    if longest_side is None or max(image.size) <= longest_side:
        return image
    from PIL import Image

    scale = longest_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _on_white(image: "Image") -> "Image":
    if image.mode != "RGBA":
        return image.convert("RGB")
    from PIL import Image

    page = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(page, image).convert("RGB")


def _orientation(image: "Image") -> int:
    """The EXIF orientation 1..8; a damaged EXIF block counts as upright."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: "Image", orientation: int) -> "Image":
    if orientation == 1:
        return image
    from PIL.Image import Transpose

    return image.transpose(Transpose[_TURNS[orientation]])


class _Quiet:
    """Silences Pillow's warnings; concurrent users share one filter and the last one lifts it.

    `warnings.catch_warnings` alone is not safe in threads: each would put back what another had set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
            self._users += 1

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._before.__exit__(None, None, None)


_quiet = _Quiet()
