"""Tables in text files, compressed ones, and tables in a folder of their own."""

import gzip
from pathlib import Path

import pytest
from PIL import Image

from preseason.data.rows import is_table, read_rows
from preseason.errors import DataError
from preseason.fitting.fit import look
from preseason.recipe import Recipe

SAID = (("what a goal, and how it was made", "good"), ("that referee was awful", "bad"))
ROWS = [(f"{said} {number}", label) for number in range(6) for said, label in SAID]


def labels_of(path: Path) -> tuple[str, dict[str, int]]:
    account, refusal = look(path, Recipe())
    assert not refusal
    return account.task, account.labels


@pytest.mark.parametrize(
    "lines",
    [
        ["text\tlabel", *("\t".join(row) for row in ROWS)],
        ["label;text", *(f"{label};{text}" for text, label in ROWS)],
        [f"{label}\t{text}" for text, label in ROWS],
    ],
    ids=["tabs", "semicolons", "no header"],
)
def test_a_text_file_of_rows_is_a_table(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "tweets.txt"
    path.write_text("\n".join(lines), "utf-8")
    assert is_table(path)
    assert labels_of(path) == ("texts", {"bad": 6, "good": 6})


@pytest.mark.parametrize(
    "text",
    [
        "One line, of a text.\nAnother, of it.\nA third, still.\nA fourth, at last.",
        "\n".join(f"{minute}'\tKane shoots" for minute in range(20)),
        "\n".join(f"{time}.0\t{time}.5\tgoal" for time in range(9)),
        "\n".join(f"{time % 3}\tgoal {time}" for time in range(9)),
        "text\tlabel",
        "",
    ],
    ids=["prose", "minutes", "audacity", "numbers", "a header alone", "empty"],
)
def test_other_text_files_are_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text, "utf-8")
    assert not is_table(tmp_path / "a.txt")


def test_transcripts_stay_texts_to_talk_like(tmp_path: Path) -> None:
    for number in range(3):
        lines = [f"{'Anna' if line % 2 else 'Ben'}\twhat a goal {line}" for line in range(20)]
        (tmp_path / f"{number}.txt").write_text("\n".join(lines), "utf-8")
    assert labels_of(tmp_path) == ("chat", {})


@pytest.mark.parametrize("name", ["tweets.csv.gz", "tweets.tsv.gz", "tweets.JSONL.GZ"])
def test_compressed_tables_are_read(name: str, tmp_path: Path) -> None:
    separator = "\t" if "tsv" in name else ","
    rows = [f'"{text}"{separator}{label}' for text, label in ROWS]
    lines = [f"text{separator}label", *rows]
    if "JSONL" in name:
        lines = [f'{{"text": "{text}", "label": "{label}"}}' for text, label in ROWS]
    (tmp_path / name).write_bytes(gzip.compress("\n".join(lines).encode()))
    assert labels_of(tmp_path / name) == ("texts", {"bad": 6, "good": 6})


def test_a_compressed_table_without_its_end_is_named(tmp_path: Path) -> None:
    packed = gzip.compress(bytes(range(256)) * 40)
    (tmp_path / "a.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="damaged: it cannot be unpacked to its end"):
        read_rows(tmp_path / "a.csv.gz")


def write_pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (40, 30), (9 * number, 5 * number, 0)).save(folder / f"{number}.png")


def test_a_table_in_a_folder_of_its_own_labels_the_files_beside_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "img", 8)
    (tmp_path / "annotations").mkdir()
    rows = [f"img/{n}.png,{'a' if n % 2 else 'b'}" for n in range(8)]
    (tmp_path / "annotations/players.csv").write_text("\n".join(["file,player", *rows]))
    assert labels_of(tmp_path) == ("photos", {"a": 4, "b": 4})


def test_so_do_tables_of_parts(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images", 9)
    (tmp_path / "labels").mkdir()
    for name, numbers in (("train", range(6)), ("val", range(6, 9))):
        rows = [f"{n}.png,{'a' if n % 2 else 'b'}" for n in numbers]
        (tmp_path / f"labels/{name}.csv").write_text("\n".join(["file,label", *rows]))
    account, _ = look(tmp_path, Recipe())
    assert account.splits == {"train": 6, "validation": 3}
    assert account.labels == {"a": 4, "b": 5}
