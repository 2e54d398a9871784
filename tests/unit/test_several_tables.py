"""Labels in several tables of one folder, as competitions and exporters leave them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from preseason.errors import DataError
from preseason.tasks.reading import read


def photos(folder: Path, count: int = 4) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        seed = number + len(folder.name)
        pixels = bytes((seed * 7919 + i * i * (seed + 3)) % 251 for i in range(24 * 24 * 3))
        Image.frombytes("RGB", (24, 24), pixels).save(folder / f"{number}.png")


def write(path: Path, *rows: str) -> None:
    path.write_text("\n".join(rows) + "\n", "utf-8")


def test_a_competition(tmp_path: Path) -> None:
    photos(tmp_path / "train_images")
    photos(tmp_path / "test_images")
    write(tmp_path / "train.csv", "path,label", *(f"train_images/{n}.png,{'ab'[n % 2]}" for n in range(4)))
    account = read(tmp_path).account
    assert (account.examples, account.labels) == (4, {"a": 2, "b": 2})
    assert account.ignored == ("test_images/",)
    write(tmp_path / "test.csv", "path", *(f"test_images/{n}.png" for n in range(4)))
    write(tmp_path / "sample_submission.csv", "path,label", *(f"test_images/{n}.png,a" for n in range(4)))
    account = read(tmp_path).account
    assert (account.examples, account.labels, account.splits) == (4, {"a": 2, "b": 2}, {})
    assert account.notes[0] == (
        "The labels are those of train.csv as train, not the names of folders; "
        "sample_submission.csv, test.csv not used."
    )


def test_an_image_folder_with_metadata(tmp_path: Path) -> None:
    for part in ("train", "Test"):
        photos(tmp_path / part)
        rows = [json.dumps({"file_name": f"{n}.png", "label": "ab"[n % 2]}) for n in range(4)]
        write(tmp_path / part / "metadata.jsonl", *rows)
    account = read(tmp_path).account
    assert (account.labels, account.splits) == ({"a": 4, "b": 4}, {"train": 4, "test": 4})


def test_tables_of_texts_for_each_part(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        write(tmp_path / f"{part}.csv", "text,label", *(f"{part} {n} goal,{'ab'[n % 2]}" for n in range(4)))
    account = read(tmp_path).account
    assert account.task == "texts"
    assert account.splits == {"train": 4, "validation": 4}


def test_two_tables_with_labels_and_no_names_are_refused(tmp_path: Path) -> None:
    photos(tmp_path / "img")
    for name in ("first", "second"):
        write(tmp_path / f"{name}.csv", "path,label", *(f"img/{n}.png,{'ab'[n % 2]}" for n in range(4)))
    with pytest.raises(DataError, match=r"first\.csv, second\.csv in .* all have labels"):
        read(tmp_path)
