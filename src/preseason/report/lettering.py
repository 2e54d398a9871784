"""Names of classes on pictures, in any script: with a font that has their letters, else by number.

Pillow's own font has Latin letters only and draws a box for every other one. Fonts of the system (and those
of matplotlib, where it is installed) are tried then. Arabic, Hebrew and the scripts of India also need their
letters joined and ordered, which Pillow does with libraqm alone.
"""

import os
import sys
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

MOST_FONTS = 3000
"""Fonts of the system that are looked at."""
NOBODYS = "\uffff"
"""No letter in any script: a font shows for it what it shows for every letter that it lacks."""
EMPTY = ((0, 0), b"")
LAST_RESORT = "lastresort"
"""Fonts that show the name of a script in a box in place of its letters."""
BESIDE = " 0123456789%()"
"""What stands beside a name on a picture."""
PREFERRED = ("notosans", "dejavusans", "arialunicode", "liberationsans", "arial", "segoeui", "sans", "")
ORDERED = (0x0900, 0x109F), (0x1780, 0x17FF), (0x1A00, 0x1AAF)
"""Code points of scripts, from Devanagari to Khmer and Tai Tham, whose letters are put together."""


def names_on_pictures(labels: Sequence[str], size: int) -> dict[str, str]:
    """How each label is written: as it is where a font can, else `class 2`, by its place among `labels`.

    Args:
        size: of the letters in pixels.
    """
    return {
        label: label if _font_with(label + BESIDE, size) is not None else f"class {place}"
        for place, label in enumerate(labels, 1)
    }


def font_for(text: str, size: int) -> "Font":
    """A font that has every letter of `text`; Pillow's own where there is none."""
    from PIL import ImageFont

    return _font_with(text, size) or ImageFont.load_default(size)


@lru_cache(maxsize=1024)
def _font_with(text: str, size: int) -> "Font | None":
    from PIL import ImageFont

    if _is_joined(text) and not _joins():
        return None
    own = ImageFont.load_default(size)
    if _has(own, text):
        return own
    for path in _paths():
        try:
            font = ImageFont.truetype(str(path), size)
        except OSError:  # not a font, or one of pictures at another size
            continue
        if _has(font, text):
            return font
    return None


def _has(font: "Font", text: str) -> bool:
    """Whether the font has a glyph for each letter that shows."""
    lacking = _drawn(font, NOBODYS)
    return all(_drawn(font, letter) not in (lacking, EMPTY) for letter in set(text) if _shows(letter))


def _drawn(font: "Font", letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    size = (int(mask.size[0]), int(mask.size[1]))
    return (size, bytes(mask)) if mask.getbbox() else EMPTY


def _shows(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cf", "Zs", "Cc")


def _is_joined(text: str) -> bool:
    """Whether letters are written from the right, or change with their neighbours."""
    return any(
        unicodedata.bidirectional(letter) in ("R", "AL") or any(a <= ord(letter) <= b for a, b in ORDERED)
        for letter in text
    )


def _joins() -> bool:
    from PIL import features

    return bool(features.check("raqm"))


@lru_cache(maxsize=1)
def _paths() -> tuple[Path, ...]:
    """Font files of this machine, the likeliest first."""
    found = [path for folder in _folders() for path in folder.rglob("*.[to]t[fc]")][:MOST_FONTS]
    return tuple(sorted((path for path in found if LAST_RESORT not in path.name.lower()), key=_rank))


def _rank(path: Path) -> tuple[int, bool, str]:
    name = path.stem.lower().replace("-", "").replace(" ", "")
    first = next(place for place, start in enumerate(PREFERRED) if start in name)
    slanted = any(word in name for word in ("bold", "italic", "oblique", "light", "mono", "condensed"))
    return first, slanted, str(path)


def _folders() -> list[Path]:
    home, folders = Path.home(), []
    if sys.platform == "win32":
        folders = [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    else:
        folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts")]
        folders += [home / ".local/share/fonts", home / ".fonts"]
    plots = find_spec("matplotlib")
    if plots is not None and plots.origin is not None:
        folders.append(Path(plots.origin).parent / "mpl-data/fonts/ttf")
    return [folder for folder in folders if folder.is_dir()]
