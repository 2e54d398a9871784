"""A thousand generated inputs: none crashes, each is answered or named with a reason.

Run it with `pytest tests/integration/test_hostile_inputs.py -m slow -s` to see the count and the seconds.
"""

import io
import shutil
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import preseason
from preseason.cli.main import run
from preseason.data.files import Accept
from preseason.data.layouts.inputs import collect
from preseason.errors import PreseasonError
from preseason.media import text

pytestmark = pytest.mark.slow
PICTURES, TABLES, FOLDERS, TEXTS = 500, 200, 200, 100
NAMES = (
    *("a", "Müller", "e\u0301", "🐐", "-x", "=1+1", "a b", "%2e", "con", "x.y.", "'q'", "$(id)", "<b>"),
    *("\u202eb", "train", "Test_images", "val2017", "unlabelled", "runs", "@eaDir", "Thumbs.db", "match 1"),
    *(
        "2023",
        "labels",
        "metadata",
        "*",
        "[1]",
        "none",
        "NaN",
        "..x",
        "~",
        "#1",
        "\tq",
        "caf\udce9",
        "n" * 200,
    ),
)
CELLS = (
    *("path", "label", "file_name", "text", "split", "train", "a/1.png", "a/2.png", "C:\\x\\1.png"),
    *("../1.png", "", "nan", "none", "0", "0.0", "01", "=1+1", "a|b", "a;b", '"', '""', "\x00", "ü", "🐐"),
    *("http://x/1.png", "{", "["),
)


def picture(rng: np.random.Generator) -> bytes:
    """A small picture of any mode and format, often damaged."""
    mode = rng.choice(["RGB", "L", "RGBA", "P", "1", "I;16", "CMYK", "F", "LA"])
    width, height = (int(rng.choice([1, 2, 7, 40, 300])) for _ in range(2))
    made = Image.new(str(mode), (width, height), 0)
    if rng.random() < 0.5 and mode in ("RGB", "L"):
        made = Image.effect_noise((width, height), 90).convert(str(mode))
    out = io.BytesIO()
    for kind in (str(rng.choice(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])), "TIFF"):
        out = io.BytesIO()
        try:
            made.save(out, kind)
            break
        except (OSError, ValueError):
            continue
    data = bytearray(out.getvalue())
    damage = rng.random()
    if damage < 0.3:
        data = data[: int(rng.integers(0, len(data) + 1))]
    elif damage < 0.6 and data:
        for place in rng.integers(0, len(data), 4):
            data[place] = int(rng.integers(256))
    elif damage < 0.7:
        data = bytearray(rng.bytes(int(rng.integers(0, 400))))
    return bytes(data)


def name(rng: np.random.Generator, suffix: str = "") -> str:
    return str(rng.choice(NAMES)) + suffix


def table(rng: np.random.Generator) -> bytes:
    """Rows of odd cells in odd forms and encodings."""
    separator = str(rng.choice([",", ";", "\t", "|"]))
    ending = str(rng.choice(["\n", "\r\n", "\r"]))
    header = ["path", "label"] if rng.random() < 0.6 else list(rng.choice(CELLS, 2))
    rows = [header, *([str(c) for c in rng.choice(CELLS, int(rng.integers(1, 4)))] for _ in range(6))]
    if rng.random() < 0.2:
        return ("{" + str(rng.choice(CELLS)) * int(rng.integers(1, 2000))).encode("utf-8", "replace")
    said = ending.join(separator.join(map(str, row)) for row in rows)
    data = said.encode(str(rng.choice(["utf-8", "utf-16", "cp1252", "utf-8-sig"])), "replace")
    return data[: int(rng.integers(0, len(data)))] if rng.random() < 0.2 else data


def tree(root: Path, rng: np.random.Generator) -> Path:
    """A folder of folders with odd names; pictures, tables and rubbish at any depth."""
    root.mkdir()
    for _ in range(int(rng.integers(0, 12))):
        place = root.joinpath(*(name(rng) for _ in range(int(rng.integers(0, 4)))))
        if any(part.is_file() for part in (place, *place.parents)):
            continue
        place.mkdir(parents=True, exist_ok=True)
        suffix = str(rng.choice([".png", ".jpg", ".csv", ".jsonl", ".txt", ".json", ""]))
        made = table(rng) if suffix in (".csv", ".jsonl", ".json") else picture(rng)
        target = place / name(rng, suffix)
        if not target.is_dir():
            target.write_bytes(made)
    return root


def outcome(root: Path) -> str:
    """How reading ends: read, or refused in a sentence."""
    try:
        preseason.read(root)
    except PreseasonError as error:
        return "refused in a sentence" if len(str(error)) > 20 else "refused without a reason"
    return "read"


def fit_among(files: list[Path], photos: Path, quick: list[str], place: Path) -> None:
    """A fit of good photos with the hostile ones among them: each is learnt from or named."""
    games = sorted(path.name for path in photos.iterdir())[:2]
    for game in games:
        shutil.copytree(photos / game, place / "classes" / game)
    for number, path in enumerate(files):
        shutil.copy(path, place / "classes" / games[number % 2] / f"hostile-{number}{path.suffix}")
    there = sum(path.is_file() for path in (place / "classes").rglob("*"))
    with redirect_stdout(io.StringIO()) as shown:
        assert run(["fit", str(place / "classes"), "-o", str(place / "model"), *quick, "-q", "--json"]) == 0
    record = preseason.load(place / "model").record
    assert sum(record.counts.values()) + len(record.skipped) == there, shown.getvalue()
    assert all(item.reason for item in record.skipped)
    assert len(record.skipped) > 50


def test_a_thousand_hostile_inputs(players: Path, photos: Path, quick: list[str], tmp_path: Path) -> None:
    rng, started, counted = np.random.default_rng(0), time.monotonic(), Counter[str]()
    files = []
    for number in range(PICTURES):
        path = tmp_path / "pictures" / str(number) / name(rng, str(rng.choice([".png", ".jpg", ".gif", ""])))
        path.parent.mkdir(parents=True)
        path.write_bytes(picture(rng))
        files.append(path)
    answers = preseason.load(players).predict(*files)
    assert len(answers) + len(answers.skipped) == PICTURES
    assert all(item.reason for item in answers.skipped)
    counted.update({"answered": len(answers), "named with a reason": len(answers.skipped)})
    fit_among(files, photos, quick, tmp_path / "fit")
    for number in range(TABLES):
        path = tmp_path / f"{number}{rng.choice(['.csv', '.tsv', '.jsonl'])}"
        path.write_bytes(table(rng))
        counted[outcome(path)] += 1
    for number in range(FOLDERS):
        counted[outcome(tree(tmp_path / f"tree{number}", rng))] += 1
    given = ["".join(rng.choice([*CELLS, *NAMES], int(rng.integers(1, 5)))) for _ in range(TEXTS)]
    found = collect(given, Accept(text.check, "texts", cells=True))
    assert len(found.samples) + len(found.skipped) >= TEXTS - sum(not each.strip() for each in given)
    counted["texts taken or named"] += TEXTS
    assert not counted["refused without a reason"]
    assert counted.total() == PICTURES + TABLES + FOLDERS + TEXTS
    print(f"{counted.total()} inputs in {time.monotonic() - started:.0f} s: {dict(counted)}")
