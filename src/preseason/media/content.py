"""What a file really is, told from its first bytes; a suffix is only a claim."""

import hashlib
import re
from pathlib import Path

from preseason.errors import MediaError

HEAD_BYTES = 1024  # enough for a byte-order mark, an XML prologue and the start of a web page

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WebP"),
    (8, b"WAVE", "WAV sound"),
    (8, b"AVI ", "AVI video"),
    (8, b"CR\x02\x00", "Canon raw photo"),
    (0, b"IIRO", "Olympus raw photo"),
    (0, b"IIU\x00", "Panasonic raw photo"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw photo"),
    (0, b"II*\x00", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"%PDF-", "PDF document"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (0, b"Rar!\x1a\x07", "RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (0, b"\x1f\x8b", "gzip archive"),
    (0, b"8BPS", "Photoshop document"),
    (0, b"\x00\x00\x01\x00", "icon file"),
    (0, b"\x00\x00\x00\x0cjP  \r\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (128, b"DICM", "DICOM"),
    (0, b"\xff\x0a", "JPEG XL image"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL image"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM video"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media video"),
    (0, b"\x00\x00\x01\xba", "MPEG video"),
    (0, b"\x00\x00\x01\xb3", "MPEG video"),
    (0, b"OggS", "Ogg sound"),
    (0, b"fLaC", "FLAC sound"),
    (0, b"ID3", "MP3 sound"),
    (0, b"#!AMR", "AMR sound"),
    (8, b"AIFF", "AIFF sound"),
    (8, b"AIFC", "AIFF sound"),
    (0, b".snd", "AU sound"),
    (0, b"caff\x00\x01", "CAF sound"),
    (0, b"wvpk", "WavPack sound"),
    (0, b"version https://git-lfs", "Git LFS pointer (the file itself was never downloaded)"),
)
_TS_PACKET = 188  # bytes; each packet of a transport stream begins with 0x47, a G
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC"}
_BRANDS |= {
    b"crx ": "Canon raw photo",
    b"mif1": "HEIC",
    b"heim": "HEIC",
    b"heis": "HEIC",
    b"hevc": "HEIC",
    b"hevx": "HEIC",
    b"msf1": "HEIC",
}
_NETPBM = re.compile(rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s+(?:#[^\n]*\n\s*)*\d+\s")
_TGA_KINDS = (1, 2, 3, 9, 10, 11)
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A "})
# What a head with nothing but sound holds, and what one with pictures holds: codec names, stream types.
_TRACKS = {
    "Matroska or WebM video": (b"A_", b"V_", "WebM sound"),
    "Windows Media video": (
        bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b"),
        bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b"),
        "Windows Media sound",
    ),
}


def read_head(path: Path) -> bytes:
    """The first `HEAD_BYTES` bytes of a file, fewer where it is shorter.

    Raises:
        MediaError: the file cannot be opened; the message says why.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(HEAD_BYTES) or b""
    except OSError as error:
        raise MediaError(opening_failure(error)) from None


def opening_failure(error: OSError) -> str:
    """Why a file could not be opened, in plain words."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "cannot be opened: permission denied"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    return f"cannot be opened: {error.strerror or error}"


def kind(head: bytes) -> str | None:
    """A name for what starts with these bytes, e.g. `JPEG`, `web page`, `text file`; None if unknown.

    Example:
        >>> kind(b"GIF89a..."), kind(b"<!DOCTYPE html><html>"), kind(b"")
        ('GIF', 'web page', 'empty file')
    """
    if not head:
        return "empty file"
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return _tracks(name, head)
    if head[4:8] == b"ftyp":
        return _branded(head)
    if head[:1] == b"G" and head[_TS_PACKET : _TS_PACKET + 1] == b"G" == head[2 * _TS_PACKET :][:1]:
        return "MPEG transport stream video"
    if _is_mpeg_sound(head):
        return "MP3 or AAC sound"
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00":
        return "BMP"
    if not head.strip(b"\x00"):
        return "file of zeros"
    if _NETPBM.match(head):
        return "Netpbm"
    if _is_targa(head):
        return "TGA"
    return _written(head)


def _branded(head: bytes) -> str:
    """The kind of an ISO media file, from its major and compatible brands."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if head[8:12] in _SOUND_BRANDS:
        return "M4A sound"
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), "MP4 or QuickTime video")


def _is_targa(head: bytes) -> bool:
    """Whether this is a header of Truevision's format, which has no mark of its own: every field must fit."""
    if len(head) <= 18:
        return False
    mapped, kind, depth = head[1], head[2], head[16]
    plain = not mapped and not any(head[3:8]) and depth in (8, 16, 24, 32)
    palette = mapped == 1 and head[7] in (15, 16, 24, 32) and depth in (8, 16)
    sized = int.from_bytes(head[12:14], "little") > 0 and int.from_bytes(head[14:16], "little") > 0
    return kind in _TGA_KINDS and (palette if kind % 8 == 1 else plain) and sized and not head[17] & 0xC0


def _tracks(name: str, head: bytes) -> str:
    """The kind of a container, which may hold nothing but sound."""
    sound, pictures, called = _TRACKS.get(name, (b"", b"", ""))
    return called if called and sound in head and pictures not in head else name


def _is_mpeg_sound(head: bytes) -> bool:
    """Whether it begins as frames of MPEG sound do: ADTS, or layer III with a bit rate and a rate."""
    if len(head) < 4 or head[0] != 0xFF:
        return False
    if head[1] & 0xF6 == 0xF0:
        return (head[2] >> 2) & 15 < 13
    return head[1] & 0xE6 == 0xE2 and head[2] >> 4 not in (0, 15) and (head[2] >> 2) & 3 != 3


def _written(head: bytes) -> str | None:
    """The kind of a text file, or None when these bytes are no text."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")) or b"<html" in start:
        return "web page"
    if b"<svg" in start:
        return "SVG drawing"
    if start.startswith((b"<?xml", b"<!--")):
        return "XML file"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text file"
    return "text file" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return control == 0 and (head.isascii() or _is_utf8(head))


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3  # a character cut by the end of the head
    return True


def digest(content: bytes) -> str:
    """blake2b-128 of the content, 32 hex digits.

    Example:
        >>> digest(b"")
        'cae66941d9efbd404e4d88758ea67670'
    """
    return hashlib.blake2b(content, digest_size=16).hexdigest()
