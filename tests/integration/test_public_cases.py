"""What people really feed such tools: the smallest example of each kind, and what must happen.

Rows are named by their kind. No row fits a model: reading, naming and writing show it.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import preseason
from preseason.cli.watch import answers_beside
from preseason.data.account import Account
from preseason.data.files import Accept
from preseason.data.layouts.inputs import collect
from preseason.data.safe_names import cell, folder_names, label_of
from preseason.errors import PreseasonError
from preseason.media import text
from preseason.storage import MANIFEST, replace_folder


def photos(root: Path, *folders: str, count: int = 3) -> Path:
    """Different pictures in each of the folders."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for each in range(count):
            seed = abs(hash((number, each))) % 2**32
            pixels = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{each}.png")
    return root


def table(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def reading(root: Path) -> Account:
    return preseason.read(root).account


def refused(root: Path, *words: str) -> None:
    with pytest.raises(PreseasonError) as caught:
        preseason.read(root)
    for word in words:
        assert word in str(caught.value)


def a_label_that_is_a_path(here: Path) -> None:
    labels = ("../loss", "win/draw", "/etc/x", "messi", "Messi", "con", "e\u0301", "\u00e9")
    names = folder_names(labels)
    for name in names.values():
        (here / "sorted" / name).mkdir(parents=True)
    assert [path.name for path in here.iterdir()] == ["sorted"]
    assert len({name.casefold() for name in names.values()}) == len(labels)
    assert tuple(label_of(name) for name in names.values()) == labels


def splits_beside_other_folders(here: Path) -> None:
    found = reading(
        photos(here, "TRN_images/Messi", "TRN_images/Salah", "Valid/Messi", "Valid/Salah", "runs/exp")
    )
    assert found.sentence == "2 splits (train, validation), 2 labels, 12 photos; runs/ ignored."


def splits_inside_the_classes(here: Path) -> None:
    found = reading(photos(here, "Messi/train", "Messi/test", "Salah/train", "Salah/test"))
    assert (list(found.labels), list(found.splits)) == (["Messi", "Salah"], ["train", "test"])


def sub_folders_that_repeat(here: Path) -> None:
    refused(
        photos(here, "home/Messi", "home/Salah", "away/Messi", "away/Salah"),
        "--layout folders",
        "--layout batches",
    )


def parts_without_labels(here: Path) -> None:
    refused(photos(here, "train", "test"), "not of labels")


def a_wrapper_folder(here: Path) -> None:
    found = reading(photos(here, "export/data/Messi", "export/data/Salah"))
    assert list(found.labels) == ["Messi", "Salah"]
    assert "export/data/" in found.notes[0]


def only_a_part_for_training(here: Path) -> None:
    assert list(reading(photos(here, "train/Messi", "train/Salah")).labels) == ["Messi", "Salah"]


def pictures_of_one_colour(here: Path) -> None:
    for label, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        (here / label).mkdir()
        for number in range(4):
            Image.new("RGB", (8 + number, 9), colour).save(here / label / f"{number}.png")
    assert reading(here).examples == 8


def names_that_are_no_text(here: Path) -> None:
    photos(here, "Messi", "Salah")
    (here / "Messi" / "0.png").rename(os.fsdecode(os.fsencode(here / "Messi") + b"/M\xfcller.png"))
    assert reading(here).examples == 6


def metadata_beside_pictures(here: Path) -> None:
    photos(here, "train", "test")
    for part in ("train", "test"):
        table(here / part / "metadata.csv", "file_name,label", "0.png,a", "1.png,b", "2.png,a")
    found = reading(here)
    assert (found.labels, found.splits) == ({"a": 4, "b": 2}, {"train": 3, "test": 3})


def litter_of_other_programs(here: Path) -> None:
    photos(here, "Messi", "Salah", "Messi/@eaDir", "__MACOSX/Messi", ".thumbnails", "Previews.lrdata/0")
    (here / "Messi" / "Thumbs.db").touch()
    found = reading(here)
    assert found.examples == 6
    assert found.notes[-1].startswith("5 files and folders of other programs left out by name")


def formulas_in_cells(here: Path) -> None:
    assert cell("=1+1") == "'=1+1"


def a_table_beside_folders_of_pictures(here: Path) -> None:
    photos(here, "train_images", "test_images")
    table(here / "train.csv", "path,label", *(f"train_images/{n}.png,{'ab'[n % 2]}" for n in range(3)))
    table(here / "sample_submission.csv", "path,label", "test_images/0.png,a")
    found = reading(here)
    assert (found.labels, found.ignored) == ({"a": 2, "b": 1}, ("sample_submission.csv", "test_images/"))


def frames_of_clips(here: Path) -> None:
    for place in ("pass/1", "pass/2", "shot/1", "shot/2"):
        (here / place).mkdir(parents=True)
        for number in range(6):
            shown = np.random.default_rng(len(place) + ord(place[-1])).integers(0, 255, (6, 8, 3), np.uint8)
            shown = shown.repeat(8, 0).repeat(8, 1)
            shown[:8, 8 * number : 8 * number + 8] = 255
            Image.fromarray(shown).save(here / place / f"{10 * number}.png")
        table(here / place / "meta.json", "{}")
    found = reading(here)
    assert (found.task, found.examples) == ("clips", 4)


def numbered_photos_one_folder_deeper(here: Path) -> None:
    found = reading(photos(here, "Messi/match1", "Messi/match2", "Salah/match1", "Salah/match2", count=9))
    assert (found.task, found.examples, list(found.labels)) == ("photos", 36, ["Messi", "Salah"])


def inputs_that_are_empty_or_patterns(here: Path) -> None:
    (here / "goal").mkdir()
    given = ["goal", ".", "*", "", "What a goal?"]
    found = collect(given, Accept(text.check, "texts", cells=True))
    assert [sample.source.read() for sample in found.samples] == ["goal", ".", "*", "What a goal?"]
    assert [item.reason for item in found.skipped] == ["an empty text"]


def a_model_behind_a_link(here: Path) -> None:
    def write(part: Path) -> None:
        (part / MANIFEST).touch()

    replace_folder(here / "real", write)
    (here / "link").symlink_to(here / "real")
    replace_folder(here / "link", write)
    assert (here / "link").is_symlink()
    assert answers_beside(str(here / "real" / "..")) == str(here.parent / f"{here.name}-answers.csv")


def a_column_for_the_split_with_other_words(here: Path) -> None:
    photos(here, "img")
    table(here / "t.csv", "path,label,split", "img/0.png,a,TRN", "img/1.png,b,hold-out", "img/2.png,a,train")
    assert reading(here / "t.csv").splits == {"train": 2, "test": 1}


CASES: tuple[Callable[[Path], None], ...] = (
    a_label_that_is_a_path,
    splits_beside_other_folders,
    splits_inside_the_classes,
    sub_folders_that_repeat,
    parts_without_labels,
    a_wrapper_folder,
    only_a_part_for_training,
    pictures_of_one_colour,
    names_that_are_no_text,
    metadata_beside_pictures,
    litter_of_other_programs,
    formulas_in_cells,
    a_table_beside_folders_of_pictures,
    frames_of_clips,
    numbered_photos_one_folder_deeper,
    inputs_that_are_empty_or_patterns,
    a_model_behind_a_link,
    a_column_for_the_split_with_other_words,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_must_happen(case: Callable[[Path], None], tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    case(here)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
