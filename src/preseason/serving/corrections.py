"""Answers that a person put right, kept as `fit` and `add` read them.

FOLDER/MODEL/LABEL/<digest>.jpg of photos and clips, FOLDER/MODEL/texts.csv of texts.
"""

import csv
import io
import shutil
import threading
import unicodedata
from collections.abc import Collection
from pathlib import Path

from preseason.data.dataset import File, Member, Source, Text
from preseason.data.files import unguarded
from preseason.data.safe_names import cell, folder_name, label_of
from preseason.media import content
from preseason.media.content import digest
from preseason.runtime.files import atomic_write, write_text
from preseason.serving.faults import RequestError

TABLE = "texts.csv"
COLUMNS = ("text", "label")
SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif",
    "AVIF": ".avif", "HEIC": ".heic", "JPEG 2000": ".jp2", "Netpbm": ".ppm", "TGA": ".tga", "DICOM": ".dcm",
    "MP4 or QuickTime video": ".mp4", "Matroska or WebM video": ".mkv", "AVI video": ".avi",
    "Flash video": ".flv", "Windows Media video": ".wmv", "MPEG video": ".mpg",
    "MPEG transport stream video": ".ts",
}  # fmt: skip
MAX_LETTERS = 100
REFUSED = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Categories of Unicode that nobody writes: controls, half letters, what is unassigned, ends of lines."""
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Signs that turn the direction of what follows."""


class Corrections:
    """One folder of corrected answers; a later correction of the same example replaces the earlier one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def folder_of(self, model: str) -> Path:
        """Where the corrections of a model lie."""
        return self._folder / model

    def keep(self, model: str, label: str, source: Source) -> Path:
        """Keep an example with its label; gives the file or table that holds it."""
        match source:
            case Text(text):
                return self._keep_text(model, label, text)
            case File(path):
                return self._keep_file(model, label, path)
            case Member():
                raise TypeError(f"{source} lies in a container, and requests bring files and texts")

    def _keep_file(self, model: str, label: str, path: Path) -> Path:
        """Copy a photo or clip into the folder of its label; gives where it lies."""
        suffix = SUFFIXES.get(content.kind(content.read_head(path)) or "", "")
        name = digest(path.read_bytes())[:20] + suffix
        with self._lock:
            for other in (self._folder / model).glob(f"*/{name}"):
                other.unlink()
            target = self._folder / model / self._folder_of(model, label) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as part:
                shutil.copyfile(path, part)
        return target

    def _keep_text(self, model: str, label: str, text: str) -> Path:
        """Write a text and its label into the model's table; gives the table."""
        table = self._folder / model / TABLE
        with self._lock:
            rows = [row for row in _rows(table) if row[0] != text]
            cells = [(cell(said), cell(as_label)) for said, as_label in (*rows, (text, label))]
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows([COLUMNS, *cells])
            table.parent.mkdir(parents=True, exist_ok=True)
            write_text(table, out.getvalue())
        return table

    def _folder_of(self, model: str, label: str) -> str:
        """The folder of the label, which may be there already, among those of others."""
        others = [path.name for path in (self._folder / model).glob("*/")]
        return next((name for name in others if label_of(name) == label), folder_name(label, others))

    def counts(self, model: str) -> dict[str, int]:
        """How many corrected examples there are of each label."""
        found: dict[str, int] = {}
        with self._lock:
            for _, label in _rows(self._folder / model / TABLE):
                found[label] = found.get(label, 0) + 1
            for path in sorted((self._folder / model).glob("*/*")):
                if not path.name.startswith("."):
                    label = label_of(path.parent.name)
                    found[label] = found.get(label, 0) + 1
        return found


def check_label(given: str, known: Collection[str] = ()) -> str:
    """The label that a person gave, composed and without spaces around it; one of `known` as it is there.

    Raises:
        RequestError: it is empty, longer than `MAX_LETTERS`, or holds what cannot be printed.
    """
    if given in known:
        return given
    label = unicodedata.normalize("NFC", given).strip()
    if label in known:
        return label
    if not any(map(_visible, label)) or len(label) > MAX_LETTERS or not all(map(_writable, label)):
        raise RequestError(
            422,
            f"{given!r} cannot be a label: expected at most {MAX_LETTERS} letters or signs, all printable.",
        )
    return label


def _visible(letter: str) -> bool:
    """Whether a letter leaves a mark by itself."""
    return letter.isprintable() and not letter.isspace()


def _writable(letter: str) -> bool:
    """Whether a letter may stand in a label: what is printed, spaces, and what joins or marks letters.

    Scripts of India and Iran need joiners, flags of England or Wales tags. What turns the direction of a
    whole line could make a label look like another.
    """
    kind = unicodedata.category(letter)
    return kind not in REFUSED and not (kind == "Cf" and letter in TURNING)


def _rows(table: Path) -> list[tuple[str, str]]:
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return [
            (unguarded(row[0]), unguarded(row[1])) for row in csv.reader(file) if len(row) == len(COLUMNS)
        ][1:]
