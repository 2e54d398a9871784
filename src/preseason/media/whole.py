"""Whether bytes of a container are missing at its end, told by the sizes that it has for its own parts."""

import os
from pathlib import Path
from typing import BinaryIO

_SEGMENT = b"\x18\x53\x80\x67"


def is_cut(path: Path) -> bool | None:
    """Whether a file ends before its own parts do; None of kinds that name no sizes.

    Headers may claim more frames or seconds than there are, after an edit without encoding for example: only
    bytes that are missing make a file incomplete.
    """
    with path.open("rb") as file:
        head = file.read(64)
        size = os.fstat(file.fileno()).st_size
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"):
            return _boxes_are_cut(file, size)
        if head[:4] == b"GIF8":
            return None if not _ends_with(file, b";") else False
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > size
        if head[:4] == b"\x1aE\xdf\xa3":
            return _matroska_is_cut(file, size)
    return None


def _ends_with(file: BinaryIO, mark: bytes) -> bool:
    """Whether the last byte but zeros, which some programs add, is a mark."""
    file.seek(max(0, os.fstat(file.fileno()).st_size - 64))
    return file.read().rstrip(b"\x00").endswith(mark)


def _boxes_are_cut(file: BinaryIO, size: int) -> bool:
    """Boxes of ISO/IEC 14496-12, section 4.2: a size of 1 stands for 64 bits that follow, 0 for the rest."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return False
        place += length
    return place > size


def _matroska_is_cut(file: BinaryIO, size: int) -> bool | None:
    """The segment of RFC 9559; one of unknown size, as live recordings have, tells nothing."""
    file.seek(0)
    start = file.read(4096)
    at = start.find(_SEGMENT)
    if at < 0 or len(start) <= at + 5:
        return None
    first = start[at + 4]
    width = 9 - first.bit_length()
    value = int.from_bytes(start[at + 4 : at + 4 + width], "big") & ((1 << 7 * width) - 1)
    if value == (1 << 7 * width) - 1:
        return None
    return at + 4 + width + value > size
